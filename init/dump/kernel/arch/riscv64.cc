// riscv64: a walk from swapper_pg_dir, which lies in the kernel's image.
//
// Kernel: arch/riscv/include/asm/pgtable-64.h, arch/riscv/kernel/vmcore_info.c (crash_core.c);
// entries: RISC-V Privileged Architecture, "Sv39", "Sv48", "Sv57" and "Svnapot".
#include <algorithm>
#include <iterator>
#include <vector>

#include "init/dump/kernel/arch/page_walk.h"

namespace mkcapture::dump {
namespace {

/// Bits of a virtual address in Sv39, Sv48 and Sv57.
constexpr unsigned kModes[] = {39, 48, 57};

constexpr std::uint64_t kValid = 1;
constexpr std::uint64_t kReadWriteExecute = 0xe;  // none of them: a table
constexpr std::uint64_t kNapot = std::uint64_t{1} << 63;

class Riscv64AddressSpace : public AddressSpace {
 public:
  Riscv64AddressSpace(unsigned va_bits, PhysicalMemory& memory)
      : va_bits_(va_bits), memory_(&memory) {
    for (unsigned shift = va_bits - 9; shift >= 12; shift -= 9)
      levels_.push_back({shift, 9});
  }

  void set_top_table(std::uint64_t paddr) { top_table_ = paddr; }

  std::optional<Extent> translate(std::uint64_t vaddr) override {
    // The kernel's half: all bits above are ones.
    if (vaddr >> (va_bits_ - 1) != ~std::uint64_t{0} >> (va_bits_ - 1)) return std::nullopt;
    return walk_tables(*memory_, Fields(64, false), 8, top_table_, levels_, vaddr,
                       [vaddr](std::uint64_t entry, const TableLevel& level) {
                         return decode(entry, level, vaddr);
                       });
  }

  [[nodiscard]] SparseBits sparse_bits() const noexcept override { return {27, 56}; }

 private:
  static TableEntry decode(std::uint64_t entry, const TableLevel& level, std::uint64_t vaddr) {
    if ((entry & kValid) == 0) return {};
    std::uint64_t address = (entry >> 10 & ((std::uint64_t{1} << 44) - 1)) << 12;
    if ((entry & kReadWriteExecute) == 0) return TableEntry::table(address);
    // 64 KiB in sixteen entries: the low bits say so, and the address has them.
    if (level.shift == 12 && (entry & kNapot) != 0)
      address = (address & ~0xffffULL) | (vaddr & 0xf000);
    return TableEntry::page(address);
  }

  unsigned va_bits_;
  PhysicalMemory* memory_;
  std::vector<TableLevel> levels_;
  std::uint64_t top_table_ = 0;
};

}  // namespace

std::optional<std::uint64_t> riscv64_phys_base(const Vmcoreinfo& info) noexcept {
  return info.number("phys_ram_base");
}

Result<std::unique_ptr<AddressSpace>> make_riscv64(const CrashedMachine& machine,
                                                   const Vmcoreinfo& info, PhysicalMemory& memory) {
  const auto top = info.symbol("swapper_pg_dir");
  if (!top) return fail("VMCOREINFO lacks swapper_pg_dir");
  const auto va_bits = info.number("VA_BITS");
  if (va_bits && std::ranges::find(kModes, *va_bits) == std::end(kModes))
    return fail("VMCOREINFO has an impossible VA_BITS");

  std::optional<std::uint64_t> in_image, at_start;
  if (const auto offset = info.number("va_kernel_pa_offset")) in_image = *top - *offset;
  // Before 6.4: the image begins where memory does.
  const auto link = info.number("KERNEL_LINK_ADDR"), ram = info.number("phys_ram_base");
  if (link && ram) at_start = *top - *link + *ram;

  // Linux 6.1 tells neither the mode nor a place. kexec_file_load has a PT_LOAD for the image, and
  // in a wrong mode the tables lead elsewhere.
  for (const unsigned mode : kModes) {
    if (va_bits && *va_bits != mode) continue;
    auto space = std::make_unique<Riscv64AddressSpace>(mode, memory);
    if (find_top_table(*space, *top, {in_image, load_paddr(machine, *top), at_start}))
      return std::unique_ptr<AddressSpace>(std::move(space));
  }
  return fail(kNoTopTable);
}

}  // namespace mkcapture::dump
