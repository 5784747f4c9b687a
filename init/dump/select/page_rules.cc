#include "init/dump/select/page_rules.h"

#include <algorithm>

#include "init/base/kernel_version.h"

namespace mkcapture::dump {
namespace {

/// The mask of a flag by its exported bit number; 0 where it is not exported (or cannot be).
std::uint64_t flag(const Vmcoreinfo& info, std::string_view name, std::size_t word_size) {
  const auto bit = info.number(name);
  return bit && *bit < word_size * 8 ? std::uint64_t{1} << *bit : 0;
}

/// The 32 bits that _mapcount has on pages of a type.
std::uint64_t type(const Vmcoreinfo& info, std::string_view name) {
  const auto value = info.number(name);
  constexpr std::uint64_t kUnmapped = 0xffffffff;  // of every page without a type
  const std::uint64_t low = value ? *value & 0xffffffff : kUnmapped;
  return low == kUnmapped ? PageRules::kNoType : low;
}

/// OFFSET(member), if `width` bytes there are inside of a descriptor of `size`.
bool place(const Vmcoreinfo& info, std::string_view member, std::uint32_t size, std::size_t width,
           std::uint32_t& at) {
  const auto offset = info.offset(member);
  if (!offset || *offset > size || size - *offset < width) return false;
  at = static_cast<std::uint32_t>(*offset);
  return true;
}

/// The same for a member of a folio, which spans descriptors: one of the second.
bool place_in_second(const Vmcoreinfo& info, std::string_view member, std::uint32_t size,
                     std::uint32_t& at) {
  const auto offset = info.offset(member);
  if (!offset || *offset < size || *offset - size >= size) return false;
  at = static_cast<std::uint32_t>(*offset - size);
  return true;
}

void add_note(PageRules& r, const char* what, const char* why) {
  if (!r.note.empty()) r.note += "; ";
  r.note.append(what).append(": ").append(why);
}

void give_up(PageRules& r, int bits, const char* what, const char* why) {
  if ((r.level & bits) == 0) return;
  r.level &= ~bits;
  add_note(r, what, why);
}

/// Whether compound pages without an exported place of their order have it as 6.6 does: the types
/// that 6.10 and 7.1 export tell, and the version where those are not there.
bool order_is_in_flags(const Vmcoreinfo& info) {
  if (info.number("PAGE_SLAB_MAPCOUNT_VALUE") || info.offset("page.compound_info")) return true;
  const auto version = parse_kernel_version(info.value("OSRELEASE").value_or(std::string_view()));
  return version && *version >= KernelVersion{6, 6, 0};
}

void find_compound_rules(const Vmcoreinfo& info, PageRules& r) {
  r.hugetlb_type = type(info, "PAGE_HUGETLB_MAPCOUNT_VALUE");
  r.hugetlb_flag = flag(info, "PG_hugetlb", r.fields.word_size());
  const auto dtor = info.number("HUGETLB_PAGE_DTOR");
  if (r.hugetlb_type != PageRules::kNoType) {
    r.hugetlb = PageRules::Hugetlb::kType;
    r.order = PageRules::Order::kFlagsLowByte;
  } else if (r.hugetlb_flag != 0) {
    r.hugetlb = PageRules::Hugetlb::kFlag;
    r.order = PageRules::Order::kFlagsLowByte;
  } else {
    if (place_in_second(info, "folio._folio_order", r.descriptor_size, r.order_at) ||
        place(info, "page.compound_order", r.descriptor_size, 1, r.order_at)) {
      r.order = PageRules::Order::kByte;
    } else if (order_is_in_flags(info)) {  // a kernel without hugetlb exports nothing
      r.order = PageRules::Order::kFlagsLowByte;
    }
    if (dtor && *dtor < 256 &&
        (place_in_second(info, "folio._folio_dtor", r.descriptor_size, r.dtor_at) ||
         place(info, "page.compound_dtor", r.descriptor_size, 1, r.dtor_at))) {
      r.hugetlb = PageRules::Hugetlb::kDestructor;
      r.hugetlb_dtor = static_cast<std::uint8_t>(*dtor);
    }
  }
}

/// Where the fields are. False where not even poisoned, offline and free pages could be told.
bool find_layout(const Vmcoreinfo& info, PageRules& r) {
  constexpr int kCacheAndUser = kLevelCache | kLevelCachePrivate | kLevelUser;
  const std::uint64_t size = info.size("page").value_or(0);
  if (size < 32 || size > 256) return false;
  const auto n = static_cast<std::uint32_t>(size);
  const std::size_t word = r.fields.word_size();
  r.descriptor_size = n;
  if (!place(info, "page.flags", n, word, r.flags_at) ||
      !place(info, "page._mapcount", n, 4, r.mapcount_at))
    return false;
  if (place(info, "page.compound_head", n, word, r.head_at) ||
      place(info, "page.compound_info", n, word, r.head_at))
    r.tail = 1;
  else
    give_up(r, kCacheAndUser, "cache and user pages kept", "no rule for compound pages");
  if (!place(info, "page.mapping", n, word, r.mapping_at))
    give_up(r, kCacheAndUser, "cache and user pages kept", "no page.mapping in VMCOREINFO");
  if (!place(info, "page.private", n, word, r.private_at))
    give_up(r, kLevelFree, "free pages kept", "no page.private in VMCOREINFO");
  return true;
}

// ---- Looking at descriptors -------------------------------------------------------------------

template <class Word>
Word swapped(Word v) {
  if constexpr (sizeof(Word) == 8) return __builtin_bswap64(v);
  return static_cast<Word>(__builtin_bswap32(static_cast<std::uint32_t>(v)));
}

/// One descriptor, in the crashed machine's word size and byte order. The compiler sees both, so
/// that a million of them are read in a few milliseconds.
template <class Word, bool kSwap>
class Descriptor {
 public:
  Descriptor(const PageRules& rules, const std::byte* at) : r_(rules), at_(at) {}

  [[nodiscard]] Word flags() const { return word(r_.flags_at); }
  [[nodiscard]] std::uint64_t mapcount() const { return load<std::uint32_t>(r_.mapcount_at); }
  [[nodiscard]] Word mapping() const { return word(r_.mapping_at); }
  [[nodiscard]] Word private_data() const { return word(r_.private_at); }
  [[nodiscard]] Word head_word() const { return word(r_.head_at); }
  [[nodiscard]] bool is_tail() const {
    return (word(r_.head_at) & static_cast<Word>(r_.tail)) != 0;
  }
  [[nodiscard]] std::uint8_t byte(std::uint32_t at) const {
    return std::to_integer<std::uint8_t>(at_[at]);
  }

 private:
  template <class T>
  [[nodiscard]] T load(std::uint32_t at) const {
    T v;
    std::memcpy(&v, at_ + at, sizeof v);
    return kSwap ? swapped(v) : v;
  }
  [[nodiscard]] Word word(std::uint32_t at) const { return load<Word>(at); }

  const PageRules& r_;
  const std::byte* at_;
};

struct Verdict {
  bool leave_out = false;
  std::uint64_t pages = 1;  // from this page frame on
};

template <class Word, bool kSwap>
class Classifier {
 public:
  using Page = Descriptor<Word, kSwap>;

  Classifier(const PageRules& rules, PageSums& sums) : r_(rules), sums_(sums) {}

  /// `second` is the descriptor behind `d`, null where it is not at hand; at `end` the array ends.
  Verdict classify(std::uint64_t pfn, const std::byte* d, const std::byte* second,
                   const std::byte* end) const {
    const Page page(r_, d);
    const Word flags = page.flags();
    const bool poisoned = (flags & static_cast<Word>(r_.hwpoison)) != 0;
    sums_.poisoned += poisoned ? 1 : 0;
    // A tail goes with its head where the whole goes; on its own only if its memory is broken.
    if (page.is_tail()) return {poisoned, 1};

    const std::uint64_t mapcount = page.mapcount();
    const bool slab = (flags & static_cast<Word>(r_.slab)) != 0 || mapcount == r_.slab_type;
    if ((r_.level & kLevelFree) != 0) {
      if (mapcount == r_.buddy_type && !slab) {
        const Verdict block = free_block(pfn, page.private_data());
        sums_.free += block.leave_out ? block.pages : 0;
        return block;
      }
      if (mapcount == r_.unaccepted_type) return free_block(pfn, r_.orders - 1);
    }

    std::uint64_t pages = 1;
    bool hugetlb = false;
    if ((flags & static_cast<Word>(r_.head)) != 0 && second != nullptr) {
      const Page tail(r_, second);
      pages = compound_pages(pfn, tail, second, end);
      hugetlb = is_hugetlb(mapcount, tail);
    }
    constexpr Word kMappingAnon = 1;  // PAGE_MAPPING_ANON
    const bool anon = (page.mapping() & kMappingAnon) != 0 && !slab;
    if ((flags & static_cast<Word>(r_.lru)) != 0) {
      sums_.on_lists += pages;
      sums_.anonymous += anon ? pages : 0;
    } else if (anon && !hugetlb) {
      sums_.strays += pages;
    }
    return {leave_out(flags, anon, hugetlb) || poisoned || (mapcount == r_.offline_type && !slab),
            pages};
  }

 private:
  [[nodiscard]] bool leave_out(Word flags, bool anon, bool hugetlb) const {
    if (anon || hugetlb) {
      if ((r_.level & kLevelUser) != 0) return true;
      if (anon) return false;
    }
    if ((r_.level & (kLevelCache | kLevelCachePrivate)) == 0) return false;
    const auto swap = static_cast<Word>(r_.swap);
    const bool cache =
        (flags & static_cast<Word>(r_.lru)) != 0 || (swap != 0 && (flags & swap) == swap);
    if (!cache) return false;
    return (r_.level & kLevelCachePrivate) != 0 ||
           (flags & static_cast<Word>(r_.private_data)) == 0;
  }

  // The buddy allocator's blocks are aligned to their size; what is not, is no block.
  [[nodiscard]] Verdict free_block(std::uint64_t pfn, std::uint64_t order) const {
    if (order >= r_.orders || (pfn & ((std::uint64_t{1} << order) - 1)) != 0) return {false, 1};
    return {true, std::uint64_t{1} << order};
  }

  [[nodiscard]] std::uint64_t compound_pages(std::uint64_t pfn, const Page& second,
                                             const std::byte* second_at,
                                             const std::byte* end) const {
    std::uint64_t order = 0;
    if (r_.order == PageRules::Order::kByte) order = second.byte(r_.order_at);
    if (r_.order == PageRules::Order::kFlagsLowByte) order = second.flags() & 0xff;
    // Also a hugetlb page's second copy of its head (HUGETLB_PAGE_OPTIMIZE_VMEMMAP) ends here.
    if (order > kMostOrder || (pfn & ((std::uint64_t{1} << order) - 1)) != 0) return 1;
    const std::uint64_t pages = std::uint64_t{1} << order;
    // Beyond what the buddy allocator has one wrong byte would take gigabytes with it: the last
    // tail at hand must be one of the same head.
    if (order >= r_.orders && order > 0) {
      const auto at_hand = static_cast<std::uint64_t>(end - second_at) / r_.descriptor_size;
      const Page last(r_, second_at + (std::min(at_hand, pages - 1) - 1) * r_.descriptor_size);
      if (!second.is_tail() || last.head_word() != second.head_word()) return 1;
    }
    return pages;
  }

  [[nodiscard]] bool is_hugetlb(std::uint64_t mapcount, const Page& second) const {
    switch (r_.hugetlb) {
      case PageRules::Hugetlb::kType:
        return mapcount == r_.hugetlb_type;
      case PageRules::Hugetlb::kFlag:
        return (second.flags() & static_cast<Word>(r_.hugetlb_flag)) != 0;
      case PageRules::Hugetlb::kDestructor:
        return second.byte(r_.dtor_at) == r_.hugetlb_dtor;
      case PageRules::Hugetlb::kUnknown:
        break;
    }
    return false;
  }

  static constexpr std::uint64_t kMostOrder = 22;  // 16 GiB in pages of 4 KiB (powerpc)

  const PageRules& r_;
  PageSums& sums_;
};

template <class Word, bool kSwap>
std::uint64_t apply(const PageRules& rules, std::uint64_t first_pfn, Bytes descriptors,
                    PageBits bits, PageSums& total) {
  PageSums sums;  // the compiler keeps it in registers
  const Classifier<Word, kSwap> classifier(rules, sums);
  const std::size_t size = rules.descriptor_size;
  const std::uint64_t end = first_pfn + descriptors.size() / size;
  const std::byte* const array_end = descriptors.data() + (end - first_pfn) * size;
  std::uint64_t pfn = first_pfn;
  while (pfn < end) {
    const std::byte* d = descriptors.data() + (pfn - first_pfn) * size;
    Verdict v = classifier.classify(pfn, d, pfn + 1 < end ? d + size : nullptr, array_end);
    if (!v.leave_out) {
      ++pfn;
      continue;
    }
    if (pfn < rules.image_begin && rules.image_begin < rules.image_end)
      v.pages = std::min(v.pages, rules.image_begin - pfn);
    bits.clear(pfn, pfn + v.pages);
    pfn += v.pages;
  }
  total.free += sums.free;
  total.on_lists += sums.on_lists;
  total.anonymous += sums.anonymous;
  total.strays += sums.strays;
  total.poisoned += sums.poisoned;
  return pfn;
}

}  // namespace

PageRules make_page_rules(const Vmcoreinfo& info, Fields fields, int wanted_level) {
  PageRules r;
  r.fields = fields;
  r.level = wanted_level & ~kLevelZero;
  if (!find_layout(info, r)) {
    r.level = 0;
    add_note(r, "all of memory kept", "VMCOREINFO lacks the layout of struct page");
    return r;
  }
  r.usable = true;

  const std::size_t word = fields.word_size();
  r.lru = flag(info, "PG_lru", word);
  r.private_data = flag(info, "PG_private", word);
  r.swap = flag(info, "PG_swapcache", word);
  if (r.swap != 0) r.swap |= flag(info, "PG_swapbacked", word);
  r.slab = flag(info, "PG_slab", word);
  r.slab_type = type(info, "PAGE_SLAB_MAPCOUNT_VALUE");
  r.hwpoison = flag(info, "PG_hwpoison", word);
  r.head = info.number("PG_head_mask").value_or(0);
  r.buddy_type = type(info, "PAGE_BUDDY_MAPCOUNT_VALUE");
  r.offline_type = type(info, "PAGE_OFFLINE_MAPCOUNT_VALUE");
  r.unaccepted_type = type(info, "PAGE_UNACCEPTED_MAPCOUNT_VALUE");
  r.orders = std::min<std::uint64_t>(info.length("zone.free_area").value_or(0), 32);
  find_compound_rules(info, r);

  constexpr int kCacheBits = kLevelCache | kLevelCachePrivate;
  if (r.slab == 0 && r.slab_type == PageRules::kNoType)
    give_up(r, kLevelUser | kLevelFree, "user and free pages kept", "no rule for slab pages");
  if (r.head == 0 || r.order == PageRules::Order::kUnknown)
    give_up(r, kCacheBits | kLevelUser, "cache and user pages kept", "no rule for compound pages");
  if (r.lru == 0) give_up(r, kCacheBits, "cache pages kept", "no PG_lru in VMCOREINFO");
  if (r.private_data == 0 && (r.level & kLevelCachePrivate) == 0)
    give_up(r, kLevelCache, "cache pages kept", "no PG_private in VMCOREINFO");
  if (r.buddy_type == PageRules::kNoType || r.orders == 0)
    give_up(r, kLevelFree, "free pages kept", "no rule for free blocks");
  return r;
}

void PageBits::clear(std::uint64_t from, std::uint64_t to) noexcept {
  if (from < first_pfn) from = first_pfn;
  if (to > end_pfn()) to = end_pfn();
  if (from >= to) return;
  std::size_t i = from - first_pfn;
  const std::size_t end = to - first_pfn;
  const auto clear_bit = [&](std::size_t bit) {
    bits[bit / 8] = static_cast<std::uint8_t>(bits[bit / 8] & ~(1U << (bit % 8)));
  };
  for (; i < end && i % 8 != 0; ++i)
    clear_bit(i);
  if (end - i >= 8) {
    std::memset(bits.data() + i / 8, 0, (end - i) / 8);
    i += (end - i) / 8 * 8;
  }
  for (; i < end; ++i)
    clear_bit(i);
}

std::uint64_t apply_rules(const PageRules& rules, std::uint64_t first_pfn, Bytes descriptors,
                          PageBits bits, PageSums& sums) noexcept {
  const bool swap = rules.fields.swapped();
  if (rules.fields.word_size() == 8) {
    return swap ? apply<std::uint64_t, true>(rules, first_pfn, descriptors, bits, sums)
                : apply<std::uint64_t, false>(rules, first_pfn, descriptors, bits, sums);
  }
  return swap ? apply<std::uint32_t, true>(rules, first_pfn, descriptors, bits, sums)
              : apply<std::uint32_t, false>(rules, first_pfn, descriptors, bits, sums);
}

}  // namespace mkcapture::dump
