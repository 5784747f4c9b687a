// s390x: a walk from swapper_pg_dir. Until 6.9 the kernel's addresses are physical ones; since 6.10
// its image lies apart.
//
// Kernel: arch/s390/include/asm/pgtable.h, page.h (__kernel_pa), sparsemem.h,
// arch/s390/kernel/vmcore_info.c; entries: z/Architecture Principles of Operation, "Dynamic Address
// Translation".
#include "init/dump/kernel/arch/page_walk.h"

namespace mkcapture::dump {
namespace {

// Region-first, -second and -third tables, segment and page tables.
constexpr TableLevel kLevels[] = {{53, 11}, {42, 11}, {31, 11}, {20, 11}, {12, 8}};
constexpr unsigned kPageShift = 12, kSegmentShift = 20, kRegionThirdShift = 31;

constexpr std::uint64_t kInvalid = 0x20;       // of a region's or segment's entry
constexpr std::uint64_t kPageInvalid = 0x400;  // of a page's
constexpr std::uint64_t kLarge = 0x400;        // format control: 2 GiB or 1 MiB at once
constexpr std::uint64_t kTypeMask = 0xc;       // region-first 3, second 2, third 1, segment 0

TableEntry decode(std::uint64_t entry, const TableLevel& level) {
  if (level.shift == kPageShift)
    return (entry & kPageInvalid) != 0 ? TableEntry() : TableEntry::page(entry);
  if ((entry & kInvalid) != 0) return {};
  const bool may_be_large = level.shift == kSegmentShift || level.shift == kRegionThirdShift;
  if (may_be_large && (entry & kLarge) != 0) return TableEntry::page(entry);
  return TableEntry::table(entry & ~std::uint64_t{level.shift == kSegmentShift ? 0x7ffU : 0xfffU});
}

class S390xAddressSpace : public AddressSpace {
 public:
  explicit S390xAddressSpace(PhysicalMemory& memory) : memory_(&memory) {}

  /// Every entry of a table, also one that is not valid, tells the table's type.
  void set_top_table(std::uint64_t paddr) {
    top_table_ = paddr;
    std::array<std::byte, 8> entry{};
    const bool read = memory_->read(paddr, entry);
    const std::uint64_t type = (fields_.u64(entry, 0) & kTypeMask) >> 2;
    levels_ = std::span(kLevels).subspan(read ? 3 - type : 4);
  }

  std::optional<Extent> translate(std::uint64_t vaddr) override {
    const unsigned top_bits = levels_.front().shift + levels_.front().bits;
    if (top_bits < 64 && vaddr >> top_bits != 0) return std::nullopt;
    return walk_tables(*memory_, fields_, 8, top_table_, levels_, vaddr, decode);
  }

  [[nodiscard]] SparseBits sparse_bits() const noexcept override { return {28, 46}; }

 private:
  PhysicalMemory* memory_;
  Fields fields_{64, true};
  std::span<const TableLevel> levels_ = kLevels;
  std::uint64_t top_table_ = 0;
};

}  // namespace

Result<std::unique_ptr<AddressSpace>> make_s390x(const CrashedMachine& machine,
                                                 const Vmcoreinfo& info, PhysicalMemory& memory) {
  const auto top = info.symbol("swapper_pg_dir");
  if (!top) return fail("VMCOREINFO has no address of the kernel's page tables");
  auto space = std::make_unique<S390xAddressSpace>(memory);
  std::optional<std::uint64_t> in_image;
  if (const auto physical = info.hex("KERNELOFFPHYS"))
    in_image = *top - info.hex("KERNELOFFSET").value_or(0) + *physical;
  if (!find_top_table(*space, *top, {in_image, top, load_paddr(machine, *top)}))
    return fail(kNoTopTable);
  return std::unique_ptr<AddressSpace>(std::move(space));
}

}  // namespace mkcapture::dump
