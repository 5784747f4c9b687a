// i386: a walk from swapper_pg_dir, which lies in the kernel's linear map.
//
// Kernel: arch/x86/include/asm/pgtable-2level_types.h, pgtable-3level_types.h (PAE),
// page_32_types.h (PAGE_OFFSET), sparsemem.h; entries: Intel SDM volume 3, "32-bit Paging", "PAE
// Paging".
#include "init/dump/kernel/arch/page_walk.h"

namespace mkcapture::dump {
namespace {

constexpr std::uint64_t kUsualPageOffset = 0xc0000000;  // CONFIG_VMSPLIT_3G
constexpr std::uint64_t kPresent = 1U << 0;
constexpr std::uint64_t kLarge = 1U << 7;
constexpr std::uint64_t kPaeAddress = 0x000ffffffffff000;  // bits 12 to 51

constexpr TableLevel kLevels[] = {{22, 10}, {12, 10}};
constexpr TableLevel kPaeLevels[] = {{30, 2}, {21, 9}, {12, 9}};

TableEntry decode(std::uint64_t entry, const TableLevel& level) {
  if ((entry & kPresent) == 0) return {};
  if (level.shift == 12) return TableEntry::page(entry);
  if ((entry & kLarge) == 0) return TableEntry::table(entry & 0xfffff000);
  // PSE-36: bits 13 to 20 are bits 32 to 39 of the address.
  return TableEntry::page((entry & 0xffc00000) | (entry >> 13 & 0xff) << 32);
}

TableEntry decode_pae(std::uint64_t entry, const TableLevel& level) {
  if ((entry & kPresent) == 0) return {};
  const bool page = level.shift == 12 || (level.shift == 21 && (entry & kLarge) != 0);
  return page ? TableEntry::page(entry & kPaeAddress) : TableEntry::table(entry & kPaeAddress);
}

class I386AddressSpace : public AddressSpace {
 public:
  I386AddressSpace(bool pae, PhysicalMemory& memory) : pae_(pae), memory_(&memory) {}

  void set_top_table(std::uint64_t paddr) { top_table_ = paddr; }

  std::optional<Extent> translate(std::uint64_t vaddr) override {
    if (vaddr >> 32 != 0) return std::nullopt;
    const Fields fields(32, false);
    return pae_ ? walk_tables(*memory_, fields, 8, top_table_, kPaeLevels, vaddr, decode_pae)
                : walk_tables(*memory_, fields, 4, top_table_, kLevels, vaddr, decode);
  }

  [[nodiscard]] SparseBits sparse_bits() const noexcept override {
    return pae_ ? SparseBits{29, 36} : SparseBits{26, 32};
  }

 private:
  bool pae_;
  PhysicalMemory* memory_;
  std::uint64_t top_table_ = 0;
};

}  // namespace

Result<std::unique_ptr<AddressSpace>> make_i386(const CrashedMachine& machine,
                                                const Vmcoreinfo& info, PhysicalMemory& memory) {
  const auto top = info.symbol("swapper_pg_dir");
  if (!top) return fail("VMCOREINFO has no address of the kernel's page tables");
  auto space = std::make_unique<I386AddressSpace>(info.value("CONFIG_X86_PAE") == "y", memory);
  if (!find_top_table(*space, *top, {load_paddr(machine, *top), *top - kUsualPageOffset}))
    return fail(kNoTopTable);
  return std::unique_ptr<AddressSpace>(std::move(space));
}

}  // namespace mkcapture::dump
