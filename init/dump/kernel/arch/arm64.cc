// arm64: a walk from swapper_pg_dir, which lies in the kernel's image.
//
// Kernel: arch/arm64/include/asm/pgtable-hwdef.h, memory.h (kimage_voffset), sparsemem.h,
// arch/arm64/kernel/vmcore_info.c; entries: Arm Architecture Reference Manual for A-profile,
// "VMSAv8-64 translation table format descriptors".
#include <algorithm>
#include <bit>
#include <vector>

#include "init/dump/kernel/arch/page_walk.h"

namespace mkcapture::dump {
namespace {

constexpr std::uint64_t bits(unsigned high, unsigned low) {
  return (~std::uint64_t{0} >> (63 - high)) & (~std::uint64_t{0} << low);
}

/// Where a descriptor keeps bits 48 to 51 of the address.
enum class HighBits { kNone, kIn12To15, kIn8To9 };

class Arm64AddressSpace : public AddressSpace {
 public:
  Arm64AddressSpace(std::uint32_t page_size, unsigned va_bits, HighBits high_bits, bool big_endian,
                    SparseBits sparse, PhysicalMemory& memory)
      : page_shift_(static_cast<unsigned>(std::countr_zero(page_size))),
        va_bits_(va_bits),
        high_bits_(high_bits),
        fields_(64, big_endian),
        sparse_(sparse),
        memory_(&memory) {
    const unsigned step = page_shift_ - 3;  // a table fills a page
    for (unsigned shift = page_shift_; shift < va_bits; shift += step)
      levels_.insert(levels_.begin(), {shift, std::min(step, va_bits - shift)});
  }

  void set_top_table(std::uint64_t paddr) { top_table_ = paddr; }

  std::optional<Extent> translate(std::uint64_t vaddr) override {
    if (vaddr >> va_bits_ != ~std::uint64_t{0} >> va_bits_) return std::nullopt;  // not TTBR1's
    return walk_tables(
        *memory_, fields_, 8, top_table_, levels_, vaddr,
        [this](std::uint64_t entry, const TableLevel& level) { return decode(entry, level); });
  }

  [[nodiscard]] SparseBits sparse_bits() const noexcept override { return sparse_; }

 private:
  [[nodiscard]] TableEntry decode(std::uint64_t entry, const TableLevel& level) const {
    constexpr std::uint64_t kValid = 1, kTableOrPage = 2;
    if ((entry & kValid) == 0) return {};
    std::uint64_t address = entry & bits(high_bits_ == HighBits::kIn8To9 ? 49 : 47, page_shift_);
    if (high_bits_ == HighBits::kIn12To15) address |= (entry & bits(15, 12)) << 36;
    if (high_bits_ == HighBits::kIn8To9) address |= (entry & bits(9, 8)) << 42;
    const bool last = level.shift == page_shift_;
    if ((entry & kTableOrPage) == 0) return last ? TableEntry() : TableEntry::page(address);
    return last ? TableEntry::page(address) : TableEntry::table(address);
  }

  unsigned page_shift_;
  unsigned va_bits_;
  HighBits high_bits_;
  Fields fields_;
  SparseBits sparse_;
  PhysicalMemory* memory_;
  std::vector<TableLevel> levels_;
  std::uint64_t top_table_ = 0;
};

SparseBits sparse_bits(std::uint32_t page_size, const Vmcoreinfo& info) {
  const auto version = parse_kernel_version(info.value("OSRELEASE").value_or(std::string_view()));
  if (!version || *version < KernelVersion{5, 12, 0}) return {30, 48};
  return {page_size == 65536 ? 29U : 27U, 48};
}

}  // namespace

std::optional<std::uint64_t> arm64_phys_base(const CrashedMachine& machine,
                                             const Vmcoreinfo& info) noexcept {
  // A machine whose linear map is randomised has a number here that is no place in memory, and
  // readers compute with it all the same.
  if (const auto offset = info.number("PHYS_OFFSET")) return offset;
  // Else the linear map's first range; the kernel's image has an address of its own.
  const auto top = info.symbol("swapper_pg_dir");
  for (const MemoryRange& r : machine.ranges) {
    const bool has_vaddr = r.vaddr != 0 && r.vaddr != ~std::uint64_t{0};
    if (has_vaddr && !(top && *top - r.vaddr < r.size)) return r.paddr;
  }
  return std::nullopt;
}

Result<std::unique_ptr<AddressSpace>> make_arm64(const CrashedMachine& machine,
                                                 const Vmcoreinfo& info, PhysicalMemory& memory) {
  const auto top = info.symbol("swapper_pg_dir");
  const auto config_bits = info.number("VA_BITS");
  if (!top || !config_bits) return fail("VMCOREINFO lacks swapper_pg_dir or VA_BITS");
  // What the processor was set up with may be less than the kernel was built for. With 64 KiB pages
  // the top table is made for the latter and only its upper part is in use.
  const std::uint64_t t1sz = info.number("TCR_EL1_T1SZ").value_or(64 - *config_bits);
  const bool large_pages = machine.page_size == 65536;
  const std::uint64_t va_bits = large_pages ? *config_bits : 64 - t1sz;
  if (va_bits < 36 || va_bits > 52) return fail("VMCOREINFO has an impossible VA_BITS");
  HighBits high = HighBits::kNone;
  if (large_pages) high = HighBits::kIn12To15;
  if (!large_pages && va_bits > 48) high = HighBits::kIn8To9;

  auto space = std::make_unique<Arm64AddressSpace>(
      machine.page_size, static_cast<unsigned>(va_bits), high, machine.big_endian,
      sparse_bits(machine.page_size, info), memory);
  std::optional<std::uint64_t> in_image;
  if (const auto voffset = info.number("kimage_voffset")) in_image = *top - *voffset;
  if (!find_top_table(*space, *top, {in_image, load_paddr(machine, *top)}))
    return fail(kNoTopTable);
  return std::unique_ptr<AddressSpace>(std::move(space));
}

}  // namespace mkcapture::dump
