// Walking page tables: the part that every machine has in common.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "init/dump/core/fields.h"
#include "init/dump/core/memory_window.h"
#include "init/dump/kernel/arch/arch.h"

namespace mkcapture::dump {

/// The index into a table is `bits` bits of the address from `shift` on.
struct TableLevel {
  unsigned shift = 0;
  unsigned bits = 0;
};

/// Where an entry leads.
struct TableEntry {
  enum class Kind { kNone, kTable, kPage };
  Kind kind = Kind::kNone;
  std::uint64_t paddr = 0;  // of the next table; of the page: the bits below its size do not count

  static TableEntry table(std::uint64_t paddr) { return {Kind::kTable, paddr}; }
  static TableEntry page(std::uint64_t paddr) { return {Kind::kPage, paddr}; }
};

/// A walk from `table` down. `decode(entry, level)` says what an entry of a level means. Reads one
/// entry for each level at most, whatever the tables hold.
template <class Decode>
std::optional<Extent> walk_tables(PhysicalMemory& memory, Fields fields, std::size_t entry_bytes,
                                  std::uint64_t table, std::span<const TableLevel> levels,
                                  std::uint64_t vaddr, Decode decode) {
  for (const TableLevel& level : levels) {
    const std::uint64_t index = vaddr >> level.shift & ((std::uint64_t{1} << level.bits) - 1);
    std::array<std::byte, 8> bytes{};
    if (!memory.read(table + index * entry_bytes, std::span(bytes).first(entry_bytes)))
      return std::nullopt;
    const TableEntry entry =
        decode(entry_bytes == 8 ? fields.u64(bytes, 0) : fields.u32(bytes, 0), level);
    if (entry.kind == TableEntry::Kind::kNone) return std::nullopt;
    if (entry.kind == TableEntry::Kind::kPage) {
      const std::uint64_t size = std::uint64_t{1} << level.shift;
      const std::uint64_t in_page = vaddr & (size - 1);
      return Extent{(entry.paddr & ~(size - 1)) + in_page, size - in_page};
    }
    table = entry.paddr;
  }
  return std::nullopt;  // the last level leads to yet another table
}

/// What a PT_LOAD says of an address of the kernel.
inline std::optional<std::uint64_t> load_paddr(const CrashedMachine& machine,
                                               std::uint64_t vaddr) noexcept {
  for (const MemoryRange& r : machine.ranges) {
    if (r.vaddr != 0 && vaddr - r.vaddr < r.size) return r.paddr + (vaddr - r.vaddr);
  }
  return std::nullopt;
}

/// Tries the places where the kernel's top table, which the kernel sees at `vaddr`, could be. The
/// right one maps `vaddr` to itself.
template <class Space>
bool find_top_table(Space& space, std::uint64_t vaddr,
                    std::initializer_list<std::optional<std::uint64_t>> places) {
  for (const auto& place : places) {
    if (!place) continue;
    space.set_top_table(*place);
    const auto found = space.translate(vaddr);
    if (found && found->paddr == *place) return true;
  }
  return false;
}

inline constexpr const char* kNoTopTable =
    "the kernel's page tables are not where VMCOREINFO and the PT_LOADs put them";

}  // namespace mkcapture::dump
