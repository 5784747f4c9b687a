// arm: a walk from swapper_pg_dir, which lies in the kernel's linear map.
//
// Kernel: arch/arm/include/asm/pgtable-2level-hwdef.h, pgtable-3level-hwdef.h (LPAE), sparsemem.h;
// entries: ARM Architecture Reference Manual ARMv7-A, "Short-descriptor" and "Long-descriptor
// translation table format".
#include "init/dump/kernel/arch/page_walk.h"

namespace mkcapture::dump {
namespace {

constexpr TableLevel kLevels[] = {{20, 12}, {12, 8}};
constexpr TableLevel kLpaeLevels[] = {{30, 2}, {21, 9}, {12, 9}};

/// Needs the address: larger pages fill several entries of a table.
TableEntry decode(std::uint64_t entry, const TableLevel& level, std::uint64_t vaddr) {
  const std::uint64_t type = entry & 3;
  if (type == 0) return {};
  if (level.shift == 12) {
    if (type != 1) return TableEntry::page(entry & 0xfffff000);
    return TableEntry::page((entry & 0xffff0000) | (vaddr & 0xf000));  // 64 KiB
  }
  if (type == 1) return TableEntry::table(entry & 0xfffffc00);
  constexpr std::uint64_t kSupersection = 1U << 18;  // 16 MiB
  if ((entry & kSupersection) == 0) return TableEntry::page(entry & 0xfff00000);
  return TableEntry::page((entry & 0xff000000) | (entry >> 20 & 0xf) << 32 |
                          (entry >> 5 & 0xf) << 36 | (vaddr & 0xf00000));
}

TableEntry decode_lpae(std::uint64_t entry, const TableLevel& level) {
  constexpr std::uint64_t kValid = 1, kTable = 2, kAddress = 0xfffffff000;  // bits 12 to 39
  if ((entry & kValid) == 0) return {};
  const bool table = (entry & kTable) != 0;
  if (level.shift == 12) return table ? TableEntry::page(entry & kAddress) : TableEntry();
  return table ? TableEntry::table(entry & kAddress) : TableEntry::page(entry & kAddress);
}

class ArmAddressSpace : public AddressSpace {
 public:
  ArmAddressSpace(bool lpae, bool big_endian, PhysicalMemory& memory)
      : lpae_(lpae), fields_(32, big_endian), memory_(&memory) {}

  void set_top_table(std::uint64_t paddr) { top_table_ = paddr; }

  std::optional<Extent> translate(std::uint64_t vaddr) override {
    if (vaddr >> 32 != 0) return std::nullopt;
    if (lpae_)
      return walk_tables(*memory_, fields_, 8, top_table_, kLpaeLevels, vaddr, decode_lpae);
    return walk_tables(*memory_, fields_, 4, top_table_, kLevels, vaddr,
                       [vaddr](std::uint64_t entry, const TableLevel& level) {
                         return decode(entry, level, vaddr);
                       });
  }

  [[nodiscard]] SparseBits sparse_bits() const noexcept override { return {28, 36}; }

 private:
  bool lpae_;
  Fields fields_;
  PhysicalMemory* memory_;
  std::uint64_t top_table_ = 0;
};

}  // namespace

std::optional<std::uint64_t> arm_phys_base(const CrashedMachine& machine,
                                           const Vmcoreinfo& info) noexcept {
  const auto top = info.symbol("swapper_pg_dir");
  const auto place = top ? load_paddr(machine, *top) : std::nullopt;
  if (!place) return std::nullopt;
  // PAGE_OFFSET is a multiple of 256 MiB (CONFIG_VMSPLIT), and the table lies close above it.
  return *place - (*top & 0x0fffffff);
}

Result<std::unique_ptr<AddressSpace>> make_arm(const CrashedMachine& machine,
                                               const Vmcoreinfo& info, PhysicalMemory& memory) {
  const auto top = info.symbol("swapper_pg_dir");
  if (!top) return fail("VMCOREINFO has no address of the kernel's page tables");
  auto space = std::make_unique<ArmAddressSpace>(info.value("CONFIG_ARM_LPAE") == "y",
                                                 machine.big_endian, memory);
  const auto place = load_paddr(machine, *top);
  if (!place || !find_top_table(*space, *top, {place})) return fail(kNoTopTable);
  return std::unique_ptr<AddressSpace>(std::move(space));
}

}  // namespace mkcapture::dump
