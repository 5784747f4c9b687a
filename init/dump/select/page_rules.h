// What a page descriptor (struct page) says of its page: free, cache, a process's, poisoned,
// offline. Pure; descriptors are untrusted.
//
// What VMCOREINFO exports decides, whatever the version, and what is missing costs only the pages
// that it is needed for: the version is asked in one place, where a kernel of 6.6 to 6.9 without
// hugetlb exports nothing. Rules were read in include/linux/page-flags.h, mm_types.h, mm/internal.h
// and crash_core.c (vmcore_info.c) of the kernels 4.18 to 7.2 and of the mm tree after it; 4.4 to
// 4.17 export the same. They changed in
//   6.3   dtor and order of a compound page move from struct page to struct folio
//   6.6   the order is the low byte of the second descriptor's flags, hugetlb a bit in them
//   6.9   hugetlb is a page type (in the place of _mapcount)
//   6.10  slab is a page type and no longer a flag
//   6.12  page types are values in the top byte, no longer bits; equality with the exported
//         number holds before and after
//   6.16  unaccepted memory (confidential guests) is a page type that is exported. 6.12 to 6.15
//   have
//         it as well, and /proc/vmcore shows such pages as zeros, which level 1 leaves out
//   7.1   page.compound_head is called compound_info; bit 0 still marks a tail
// One rule is stricter than makedumpfile's: of a compound page that is kept, a poisoned tail is
// left out. makedumpfile reads it, which can bring the capture kernel down.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "init/contract/dump_choice.h"
#include "init/dump/core/fields.h"
#include "init/dump/kernel/vmcoreinfo.h"

namespace mkcapture::dump {

// makedumpfile's dump level bits.
inline constexpr int kLevelZero = 1;
inline constexpr int kLevelCache = 2;         // without private data
inline constexpr int kLevelCachePrivate = 4;  // with and without private data
inline constexpr int kLevelUser = 8;
inline constexpr int kLevelFree = 16;

/// What was seen of those classes that the kernel counts as well, in page frames.
struct PageSums {
  std::uint64_t free = 0;       // in the buddy allocator's blocks
  std::uint64_t on_lists = 0;   // with PG_lru
  std::uint64_t anonymous = 0;  // of those on lists, a process's by its mapping
  std::uint64_t strays = 0;     // a process's by its mapping, but on no list
  std::uint64_t poisoned = 0;   // descriptors that say so
};

/// Everything that classifying needs, as numbers. Offsets are checked against descriptor_size.
struct PageRules {
  static constexpr std::uint64_t kNoType = std::uint64_t{1} << 32;  // equal to no _mapcount

  int level = 0;        // those bits of the wanted level that can be honoured
  std::string note;     // why others cannot
  bool usable = false;  // false: descriptors cannot be read at all, keep every page
  Fields fields;

  std::uint32_t descriptor_size = 0;
  std::uint32_t flags_at = 0, mapcount_at = 0, mapping_at = 0, private_at = 0, head_at = 0;
  std::uint64_t tail = 0;  // mask of the word at head_at; 0: nothing tells tails

  // Masks of page.flags; 0: there is no such flag.
  std::uint64_t lru = 0, private_data = 0, swap = 0 /* all of these */, slab = 0, hwpoison = 0,
                head = 0;
  // Values of page._mapcount (page_type); kNoType: there is no such type.
  std::uint64_t buddy_type = kNoType, slab_type = kNoType, offline_type = kNoType,
                hugetlb_type = kNoType, unaccepted_type = kNoType;
  std::uint64_t orders = 0;  // free blocks have an order below this

  // Page frames of the kernel's image, into which no block reaches from outside: whatever one word
  // of a descriptor says, it does not take the kernel out of the dump.
  std::uint64_t image_begin = 0, image_end = 0;

  /// Where the order of a compound page is: a byte in its second descriptor.
  enum class Order { kUnknown, kFlagsLowByte, kByte };
  Order order = Order::kUnknown;
  std::uint32_t order_at = 0;

  /// How a compound page says that it is hugetlb's.
  enum class Hugetlb { kUnknown, kType, kFlag, kDestructor };
  Hugetlb hugetlb = Hugetlb::kUnknown;
  std::uint64_t hugetlb_flag = 0;  // in the second descriptor's flags
  std::uint32_t dtor_at = 0;       // a byte in the second descriptor
  std::uint8_t hugetlb_dtor = 0;
};

[[nodiscard]] PageRules make_page_rules(const Vmcoreinfo& info, Fields fields, int wanted_level);

/// Bits of the page frames from first_pfn on, least significant first.
struct PageBits {
  std::uint64_t first_pfn = 0;
  std::span<std::uint8_t> bits;

  [[nodiscard]] std::uint64_t end_pfn() const noexcept { return first_pfn + bits.size() * 8; }
  /// Clears the bits of [from, to), as far as they are here.
  void clear(std::uint64_t from, std::uint64_t to) noexcept;
};

/// Clears the bits of the pages to be left out, going by `descriptors`, an array that begins with
/// first_pfn's. Returns the page frame behind the last one that was decided on: behind the array,
/// or further where its last page is the head of a block that is left out as a whole. The
/// descriptor behind a compound page's head is looked at, so the array should end with an odd page
/// frame. Adds what it saw to `sums`.
[[nodiscard]] std::uint64_t apply_rules(const PageRules& rules, std::uint64_t first_pfn,
                                        Bytes descriptors, PageBits bits, PageSums& sums) noexcept;

}  // namespace mkcapture::dump
