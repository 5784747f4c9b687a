// ppc64: the linear map by arithmetic. Page descriptors (vmemmap) are found in a list that the
// kernel keeps for this purpose (hash MMU), or by a walk from swapper_pg_dir (radix MMU).
//
// Kernel: arch/powerpc/include/asm/page.h (PAGE_OFFSET), book3s/64/radix.h, radix-4k.h,
// radix-64k.h, pgalloc.h (vmemmap_backing), arch/powerpc/kexec/core.c (VMCOREINFO); entries: Power
// ISA Book III, "Radix Tree Translation".
#include <algorithm>
#include <bit>
#include <vector>

#include "init/dump/kernel/arch/page_walk.h"

namespace mkcapture::dump {
namespace {

constexpr std::uint64_t kLinearMap = 0xc000000000000000;
constexpr std::uint64_t kLinearMapSize = std::uint64_t{1} << 51;  // the next region begins there

/// A page of the virtual array of descriptors.
struct VmemmapPage {
  std::uint64_t vaddr = 0;
  std::uint64_t paddr = 0;
};
/// 16 TiB in 16 GiB steps with 64 KiB pages, 256 MiB steps with 4 KiB pages; 1 MiB of memory.
constexpr std::size_t kMostVmemmapPages = 1 << 16;

TableEntry decode_radix(std::uint64_t entry, const TableLevel& level) {
  constexpr std::uint64_t kValid = std::uint64_t{1} << 63, kLeaf = std::uint64_t{1} << 62;
  if ((entry & kValid) == 0) return {};
  if ((entry & kLeaf) != 0) return TableEntry::page(entry & 0x01fffffffffff000);
  if (level.shift < 21) return {};
  return TableEntry::table(entry & 0x0fffffffffffff00);
}

class Ppc64AddressSpace : public AddressSpace {
 public:
  Ppc64AddressSpace(const CrashedMachine& machine, PhysicalMemory& memory)
      : page_shift_(static_cast<unsigned>(std::countr_zero(machine.page_size))),
        fields_(64, machine.big_endian),
        memory_(&memory) {}

  std::optional<Extent> translate(std::uint64_t vaddr) override {
    const std::uint64_t linear = vaddr - kLinearMap;
    if (linear < kLinearMapSize) return Extent{linear, kLinearMapSize - linear};
    if (const auto page = vmemmap_page(vaddr)) return page;
    return radix_table_ == 0 ? std::nullopt : walk(vaddr);
  }

  [[nodiscard]] SparseBits sparse_bits() const noexcept override {
    return {24, page_shift_ == 16 ? 51U : 46U};
  }

  void use_radix(std::uint64_t table) { radix_table_ = table; }

  /// The list of vmemmap_backing; also there, but empty, with radix. False where VMCOREINFO lacks
  /// it or it cannot be read.
  bool read_vmemmap_list(const Vmcoreinfo& info) {
    const auto list = info.symbol("vmemmap_list"), psize = info.symbol("mmu_vmemmap_psize");
    const auto psizes = info.symbol("mmu_psize_defs");
    const auto psize_size = info.size("mmu_psize_def"), size = info.size("vmemmap_backing");
    const auto shift_at = info.offset("mmu_psize_def.shift");
    const auto next_at = info.offset("vmemmap_backing.list");
    const auto paddr_at = info.offset("vmemmap_backing.phys");
    const auto vaddr_at = info.offset("vmemmap_backing.virt_addr");
    if (!list || !psize || !psizes || !psize_size || !size || !shift_at || !next_at || !paddr_at ||
        !vaddr_at || *size > 64 || *next_at > 56 || *paddr_at > 56 || *vaddr_at > 56)
      return false;
    const auto index = u32(*psize);
    const auto shift = index ? u32(*psizes + *index * *psize_size + *shift_at) : std::nullopt;
    if (!shift || *shift < 12 || *shift > 34) return false;
    vmemmap_shift_ = *shift;

    std::array<std::byte, 64> entry;
    auto at = word(*list);
    while (at && *at != 0 && pages_.size() < kMostVmemmapPages) {
      if (!read(*at, entry)) break;
      pages_.push_back({fields_.u64(entry, *vaddr_at), fields_.u64(entry, *paddr_at)});
      at = fields_.u64(entry, *next_at);
    }
    std::sort(pages_.begin(), pages_.end(),
              [](const auto& a, const auto& b) { return a.vaddr < b.vaddr; });
    return true;
  }
  [[nodiscard]] bool has_vmemmap_pages() const { return !pages_.empty(); }

  /// Variables in the linear map.
  std::optional<std::uint32_t> u32(std::uint64_t vaddr) {
    std::array<std::byte, 4> bytes;
    if (!read(vaddr, bytes)) return std::nullopt;
    return fields_.u32(bytes, 0);
  }
  std::optional<std::uint64_t> word(std::uint64_t vaddr) {
    std::array<std::byte, 8> bytes;
    if (!read(vaddr, bytes)) return std::nullopt;
    return fields_.u64(bytes, 0);
  }

 private:
  bool read(std::uint64_t vaddr, std::span<std::byte> out) {
    return vaddr - kLinearMap < kLinearMapSize && memory_->read(vaddr - kLinearMap, out);
  }

  [[nodiscard]] std::optional<Extent> vmemmap_page(std::uint64_t vaddr) const {
    const auto above =
        std::upper_bound(pages_.begin(), pages_.end(), vaddr,
                         [](std::uint64_t v, const VmemmapPage& page) { return v < page.vaddr; });
    if (above == pages_.begin()) return std::nullopt;
    const VmemmapPage& page = above[-1];
    const std::uint64_t size = std::uint64_t{1} << vmemmap_shift_;
    const std::uint64_t in_page = vaddr - page.vaddr;
    if (in_page >= size) return std::nullopt;
    return Extent{page.paddr + in_page, size - in_page};
  }

  std::optional<Extent> walk(std::uint64_t vaddr) {
    const TableLevel levels[] = {{39, 13}, {30, 9}, {21, 9}, {page_shift_, 21 - page_shift_}};
    // Big-endian whatever the kernel is.
    return walk_tables(*memory_, Fields(64, true), 8, radix_table_, levels, vaddr, decode_radix);
  }

  unsigned page_shift_;
  Fields fields_;
  PhysicalMemory* memory_;
  unsigned vmemmap_shift_ = 0;
  std::vector<VmemmapPage> pages_;  // by vaddr
  std::uint64_t radix_table_ = 0;   // physical; 0: none
};

/// RADIX_MMU since 5.14; before, the processor's features tell.
bool is_radix(const Vmcoreinfo& info, Ppc64AddressSpace& space) {
  if (const auto radix = info.number("RADIX_MMU")) return *radix == 1;
  const auto spec = info.symbol("cur_cpu_spec"), features_at = info.offset("cpu_spec.mmu_features");
  if (!spec || !features_at) return false;
  constexpr std::uint32_t kTypeRadix = 0x40;  // MMU_FTR_TYPE_RADIX
  const auto at = space.word(*spec);
  const auto features = at ? space.u32(*at + *features_at) : std::nullopt;
  return features && (*features & kTypeRadix) != 0;
}

}  // namespace

Result<std::unique_ptr<AddressSpace>> make_ppc64(const CrashedMachine& machine,
                                                 const Vmcoreinfo& info, PhysicalMemory& memory) {
  if (machine.elf_class != 64) return fail("32-bit powerpc is not known");
  if (info.empty()) return fail("no VMCOREINFO in the vmcore");
  auto space = std::make_unique<Ppc64AddressSpace>(machine, memory);
  const bool has_list = space->read_vmemmap_list(info) && space->has_vmemmap_pages();
  if (is_radix(info, *space)) {
    const auto top = info.symbol("swapper_pg_dir");
    if (top && *top - kLinearMap < kLinearMapSize)
      space->use_radix(*top - kLinearMap);
    else if (!has_list)
      return fail("VMCOREINFO has no address of the kernel's page tables");
  }
  return std::unique_ptr<AddressSpace>(std::move(space));
}

}  // namespace mkcapture::dump
