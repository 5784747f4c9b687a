// x86_64: the kernel's image by phys_base, everything else by a walk from the kernel's top table.
//
// Kernel: arch/x86/include/asm/page_64_types.h (__START_KERNEL_map, KERNEL_IMAGE_SIZE),
// pgtable_64_types.h (levels), Documentation/arch/x86/x86_64/mm.rst; entries: Intel SDM volume 3,
// "4-Level Paging and 5-Level Paging". KASLR needs nothing of its own: the addresses in VMCOREINFO
// are those of the running kernel, and so is phys_base.
#include <algorithm>
#include <array>
#include <vector>

#include "init/dump/kernel/arch/page_walk.h"

namespace mkcapture::dump {
namespace {

constexpr std::uint64_t kStartKernelMap = 0xffffffff80000000;
constexpr std::uint64_t kDefaultImageSize = std::uint64_t{512} << 20;  // without KASLR
constexpr std::uint64_t kMaxImageSize = std::uint64_t{1} << 30;

constexpr std::uint64_t kPresent = 1U << 0;
constexpr std::uint64_t kPageSizeBit = 1U << 7;  // this entry maps a page of 1 GiB or 2 MiB
constexpr std::uint64_t kAddressMask = 0x000ffffffffff000;  // bits 12 to 51

constexpr std::size_t kEntries = 512;

constexpr TableLevel kLevels[] = {{48, 9}, {39, 9}, {30, 9}, {21, 9}, {12, 9}};

class X86AddressSpace : public AddressSpace {
 public:
  /// `top_table`: the address in the image.
  X86AddressSpace(std::uint64_t phys_base, std::uint64_t image_size, std::uint64_t top_table,
                  bool five_levels, std::uint64_t sme_mask, PhysicalMemory& memory)
      : phys_base_(phys_base),
        image_size_(image_size),
        top_vaddr_(top_table),
        top_table_(top_table - kStartKernelMap + phys_base),
        five_levels_(five_levels),
        address_mask_(kAddressMask & ~sme_mask),
        memory_(&memory) {}

  std::optional<Extent> translate(std::uint64_t vaddr) override {
    if (vaddr - kStartKernelMap < image_size_) {
      return Extent{vaddr - kStartKernelMap + phys_base_, image_size_ - (vaddr - kStartKernelMap)};
    }
    return walk(vaddr);
  }

  [[nodiscard]] bool proven() override {
    const auto found = walk(top_vaddr_);
    return found && found->paddr == top_table_;
  }

  [[nodiscard]] std::vector<std::uint64_t> tables(std::size_t most) override {
    std::vector<std::uint64_t> found;
    add_tables(top_table_, five_levels_ ? 0 : 1, kEntries / 2, most, found);
    return found;
  }

  [[nodiscard]] SparseBits sparse_bits() const noexcept override {
    return {27, five_levels_ ? 52U : 46U};
  }

 private:
  std::optional<Extent> walk(std::uint64_t vaddr) {
    const unsigned top_bit = five_levels_ ? 56 : 47;
    const std::uint64_t above = vaddr >> top_bit;  // canonical: all ones in the kernel's half
    if (above != ~std::uint64_t{0} >> top_bit) return std::nullopt;
    return walk_tables(
        *memory_, Fields(), 8, top_table_, std::span(kLevels).subspan(five_levels_ ? 0 : 1), vaddr,
        [this](std::uint64_t entry, const TableLevel& level) { return decode(entry, level); });
  }

  [[nodiscard]] TableEntry decode(std::uint64_t entry, const TableLevel& level) const {
    if ((entry & kPresent) == 0) return {};
    const bool large = level.shift == 30 || level.shift == 21;
    if (level.shift == 12 || (large && (entry & kPageSizeBit) != 0))
      return TableEntry::page(entry & address_mask_);
    return TableEntry::table(entry & address_mask_);
  }

  /// Those that the entries of a table of kLevels[level] lead to, from the `first` one on.
  void add_tables(std::uint64_t table, std::size_t level, std::size_t first, std::size_t most,
                  std::vector<std::uint64_t>& found) {
    std::array<std::byte, kEntries * 8> entries;
    if (!memory_->read(table, entries)) return;
    for (std::size_t i = first; i < kEntries && found.size() < most; ++i) {
      const TableEntry entry = decode(Fields().u64(entries, i * 8), kLevels[level]);
      if (entry.kind != TableEntry::Kind::kTable) continue;
      found.push_back(entry.paddr);
      if (level + 2 < std::size(kLevels)) add_tables(entry.paddr, level + 1, 0, most, found);
    }
  }

  std::uint64_t phys_base_;
  std::uint64_t image_size_;
  std::uint64_t top_vaddr_;
  std::uint64_t top_table_;
  bool five_levels_;
  std::uint64_t address_mask_;
  PhysicalMemory* memory_;
};

}  // namespace

std::optional<std::uint64_t> x86_64_phys_base(const CrashedMachine& machine,
                                              const Vmcoreinfo& info) noexcept {
  if (const auto base = info.number("phys_base")) return base;
  // Kernels before 4.10 do not tell it: the PT_LOAD of the kernel's image does.
  for (const MemoryRange& range : machine.ranges) {
    if (range.vaddr - kStartKernelMap < kMaxImageSize)
      return range.paddr - (range.vaddr - kStartKernelMap);
  }
  return std::nullopt;
}

Result<std::unique_ptr<AddressSpace>> make_x86_64(const CrashedMachine& machine,
                                                  const Vmcoreinfo& info, PhysicalMemory& memory) {
  const auto phys_base = x86_64_phys_base(machine, info);
  if (!phys_base) return fail("neither VMCOREINFO nor a PT_LOAD gives phys_base");
  auto top = info.symbol("init_top_pgt");
  if (!top) top = info.symbol("init_level4_pgt");  // before 4.13
  if (!top) top = info.symbol("swapper_pg_dir");
  if (!top) return fail("VMCOREINFO has no address of the kernel's page tables");
  const std::uint64_t image_size =
      std::min(info.number("KERNEL_IMAGE_SIZE").value_or(kDefaultImageSize), kMaxImageSize);
  if (*top - kStartKernelMap >= kMaxImageSize)
    return fail(
        "VMCOREINFO's address of the kernel's page tables is not one of the kernel's image");
  return std::unique_ptr<AddressSpace>(std::make_unique<X86AddressSpace>(
      *phys_base, image_size, *top, info.number("pgtable_l5_enabled").value_or(0) == 1,
      info.number("sme_mask").value_or(0), memory));
}

}  // namespace mkcapture::dump
