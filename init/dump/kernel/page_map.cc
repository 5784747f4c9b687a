#include "init/dump/kernel/page_map.h"

#include <bit>

namespace mkcapture::dump {
namespace {

// include/linux/mmzone.h. A section's map is kept with these flags in its low bits; the kernel says
// that no more than the bits below PAGE_SHIFT - 6 are free for them, and seven are in use or have
// been since 4.13.
constexpr std::uint64_t kSectionMarkedPresent = 1U << 0;
constexpr std::uint64_t kSectionHasMemMap = 1U << 1;
constexpr std::uint64_t kSectionIsOnline = 1U << 2;  // since 4.15
constexpr std::uint64_t kSectionFlags = (1U << 6) - 1;

class SparsePageMap : public PageMap {
 public:
  struct Layout {
    std::uint64_t mem_section = 0;   // the array of sections, or of pointers to roots
    std::uint64_t section_size = 0;  // SIZE(mem_section)
    std::uint64_t map_at = 0;        // OFFSET(mem_section.section_mem_map)
    std::uint64_t sections = 0;      // how many there can be
    std::uint64_t per_root = 0;      // 0: one array
    unsigned pages_shift = 0;        // page frames in a section: 1 << pages_shift
    unsigned section_shift = 0;      // bytes
    std::uint64_t descriptor_size = 0;
    std::uint64_t address_mask = ~std::uint64_t{0};
  };

  SparsePageMap(const Layout& layout, KernelMemory& memory) : l_(layout), memory_(&memory) {
    // What the kernel itself lies in is online: where it does not say so, it says so of none.
    const auto own = memory.translate(l_.mem_section);
    says_online_ = own && (flags_and_map(own->paddr >> l_.section_shift) & kSectionIsOnline) != 0;
  }

  DescriptorRun find(std::uint64_t pfn) override {
    const std::uint64_t nr = pfn >> l_.pages_shift;
    const std::uint64_t end = (nr + 1) << l_.pages_shift;
    DescriptorRun run{0, end - pfn};
    if (nr >= l_.sections) return run;
    const std::uint64_t section = flags_and_map(nr);
    const std::uint64_t map = section & ~kSectionFlags;
    // The map is kept less the section's first page frame, so that pfn is the index at once.
    // On 32 bits that difference, and so the sum, is one modulo 2^32.
    if (map != 0) run.address = (map + pfn * l_.descriptor_size) & l_.address_mask;
    run.offline = map != 0 && says_online_ && (section & kSectionIsOnline) == 0;
    return run;
  }

 private:
  /// A section's word; 0 where it has no map.
  std::uint64_t flags_and_map(std::uint64_t nr) {
    std::uint64_t section = l_.mem_section + nr * l_.section_size;
    if (l_.per_root != 0) {
      const auto root =
          memory_->word(l_.mem_section + nr / l_.per_root * memory_->fields().word_size());
      if (!root || *root == 0) return 0;
      section = *root + nr % l_.per_root * l_.section_size;
    }
    const auto map = memory_->word(section + l_.map_at);
    constexpr std::uint64_t kUsable = kSectionMarkedPresent | kSectionHasMemMap;
    if (!map || (*map & kUsable) != kUsable) return 0;
    return *map;
  }

  Layout l_;
  KernelMemory* memory_;
  bool says_online_ = false;
};

class FlatPageMap : public PageMap {
 public:
  FlatPageMap(std::uint64_t map, std::uint64_t first_pfn, std::uint64_t count,
              std::uint64_t descriptor_size)
      : map_(map), first_pfn_(first_pfn), count_(count), descriptor_size_(descriptor_size) {}

  DescriptorRun find(std::uint64_t pfn) override {
    if (pfn < first_pfn_) return {0, first_pfn_ - pfn};
    const std::uint64_t index = pfn - first_pfn_;
    if (index >= count_) return {0, ~std::uint64_t{0} - pfn};
    return {map_ + index * descriptor_size_, count_ - index};
  }

 private:
  std::uint64_t map_, first_pfn_, count_, descriptor_size_;
};

constexpr const char* kImpossibleSections = "VMCOREINFO's layout of mem_section is impossible";

/// How memory is cut into sections. LENGTH(mem_section) counts roots: each a page of sections with
/// SPARSEMEM_EXTREME, else one section. It is exported by every kernel, the bits of a section's
/// size since 5.13 and those of an address since 5.9. Where one of them is not told and the usual
/// number fits no count of roots, it follows from the count.
struct SectionCount {
  std::uint64_t roots = 0;
  std::uint64_t in_a_root = 1;  // sections, with SPARSEMEM_EXTREME
  std::optional<std::uint64_t> told_size_bits, told_physmem_bits;

  std::uint64_t size_bits = 0, physmem_bits = 0;
  std::uint64_t per_root = 0;  // 0: one array

  Status settle(SparseBits usual, unsigned page_shift, bool usually_extreme) {
    size_bits = told_size_bits.value_or(usual.section_size);
    physmem_bits = told_physmem_bits.value_or(usual.max_physmem);
    const auto possible = [&] {
      return size_bits > page_shift && size_bits < physmem_bits && physmem_bits <= 64;
    };
    if (!possible()) return fail(kImpossibleSections);
    if (fits()) return {};
    // 64-bit kernels have roots, 32-bit ones an array.
    const std::uint64_t sections = usually_extreme ? roots * in_a_root : roots;
    if (std::has_single_bit(sections)) {
      const auto bits = static_cast<unsigned>(std::countr_zero(sections));
      if (!told_physmem_bits)
        physmem_bits = size_bits + bits;
      else if (!told_size_bits && bits < physmem_bits)
        size_bits = physmem_bits - bits;
      if (possible() && fits()) return {};
    }
    return fail("VMCOREINFO's number of memory sections fits no memory model");
  }

 private:
  bool fits() {
    const std::uint64_t sections = std::uint64_t{1} << (physmem_bits - size_bits);
    const bool extreme = roots != sections;
    per_root = extreme ? in_a_root : 0;
    return !extreme || roots == (sections + in_a_root - 1) / in_a_root;
  }
};

Result<std::unique_ptr<PageMap>> make_sparse(const Vmcoreinfo& info, std::uint32_t page_size,
                                             SparseBits bits, KernelMemory& memory) {
  const auto mem_section = info.symbol("mem_section");
  const auto section_size = info.size("mem_section");
  const auto roots = info.length("mem_section");
  const auto map_at = info.offset("mem_section.section_mem_map");
  const auto descriptor_size = info.size("page");
  if (!mem_section || !section_size || !roots || !map_at || !descriptor_size)
    return fail("VMCOREINFO lacks the layout of mem_section");
  const auto page_shift = static_cast<unsigned>(std::countr_zero(page_size));
  if (*section_size < *map_at + memory.fields().word_size() || *section_size > page_size)
    return fail(kImpossibleSections);
  SectionCount count{.roots = *roots,
                     .in_a_root = page_size / *section_size,
                     .told_size_bits = info.number("SECTION_SIZE_BITS"),
                     .told_physmem_bits = info.number("MAX_PHYSMEM_BITS")};
  TRY(count.settle(bits, page_shift, memory.fields().word_size() == 8));

  SparsePageMap::Layout l;
  l.mem_section = *mem_section;
  l.section_size = *section_size;
  l.map_at = *map_at;
  l.sections = std::uint64_t{1} << (count.physmem_bits - count.size_bits);
  l.section_shift = static_cast<unsigned>(count.size_bits);
  l.pages_shift = l.section_shift - page_shift;
  l.descriptor_size = *descriptor_size;
  if (memory.fields().word_size() == 4) l.address_mask = UINT32_MAX;
  l.per_root = count.per_root;
  return std::unique_ptr<PageMap>(std::make_unique<SparsePageMap>(l, memory));
}

// One node (contig_page_data); its map begins with its first page frame.
Result<std::unique_ptr<PageMap>> make_flat(const Vmcoreinfo& info, KernelMemory& memory) {
  const auto node = info.symbol("contig_page_data");
  const auto map_at = info.offset("pglist_data.node_mem_map");
  const auto start_at = info.offset("pglist_data.node_start_pfn");
  const auto spanned_at = info.offset("pglist_data.node_spanned_pages");
  const auto descriptor_size = info.size("page");
  if (!node || !map_at || !start_at || !spanned_at || !descriptor_size)
    return fail("VMCOREINFO lacks both mem_section and the layout of contig_page_data");
  const auto map = memory.word(*node + *map_at);
  const auto start = memory.word(*node + *start_at);
  const auto spanned = memory.word(*node + *spanned_at);
  if (!map || !start || !spanned || *map == 0) return fail("contig_page_data cannot be read");
  return std::unique_ptr<PageMap>(
      std::make_unique<FlatPageMap>(*map, *start, *spanned, *descriptor_size));
}

}  // namespace

Result<std::unique_ptr<PageMap>> make_page_map(const Vmcoreinfo& info, std::uint32_t page_size,
                                               SparseBits bits, KernelMemory& memory) {
  if (!info.size("page")) return fail("VMCOREINFO lacks SIZE(page)");
  if (info.symbol("mem_section")) return make_sparse(info, page_size, bits, memory);
  return make_flat(info, memory);
}

}  // namespace mkcapture::dump
