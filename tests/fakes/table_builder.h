// Page tables of any machine, made entry by entry in a small memory: what the address translation
// of the other architectures is tested against.
#pragma once

#include <doctest/doctest.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "init/dump/kernel/arch/page_walk.h"
#include "tests/fakes/synthetic_machine.h"

namespace mkcapture::fakes {

using namespace dump;

/// Physical memory from `base` on, one PT_LOAD that shows it at `vaddr`, and VMCOREINFO.
class TableMachine {
 public:
  static constexpr std::uint64_t kSize = 4 << 20;

  TableMachine(Machine kind, std::uint64_t base, std::uint64_t vaddr, bool big_endian = false)
      : base_(base), bytes_(kSize), next_table_(base + kSize / 2) {
    machine.machine = kind;
    machine.word_bits = kind == Machine::kI386 || kind == Machine::kArm ? 32 : 64;
    machine.elf_class = machine.word_bits;
    machine.big_endian = big_endian;
    machine.ranges = {{.paddr = base, .size = kSize, .vaddr = vaddr, .file_offset = 0}};
  }

  CrashedMachine machine;
  std::string info;

  void put(std::uint64_t paddr, std::uint64_t value, std::size_t size, bool big_endian) {
    REQUIRE(paddr >= base_);
    REQUIRE(paddr - base_ + size <= kSize);
    for (std::size_t i = 0; i < size; ++i)
      bytes_[paddr - base_ + i] =
          static_cast<std::byte>(value >> (8 * (big_endian ? size - 1 - i : i)));
  }
  /// A number of the kernel's.
  void put(std::uint64_t paddr, std::uint64_t value, std::size_t size = 8) {
    put(paddr, value, size, machine.big_endian);
  }
  /// Room for a table that nothing else uses, aligned to its size.
  std::uint64_t take(std::uint64_t size) {
    next_table_ = (next_table_ + size - 1) / size * size;
    return std::exchange(next_table_, next_table_ + size);
  }

  /// The address space, or the error. Call once, when everything is in memory.
  Result<std::unique_ptr<AddressSpace>> make() {
    file_ = std::make_unique<BytesFile>(bytes_);
    memory_ = std::make_unique<PhysicalMemory>(*file_, machine.ranges);
    return make_address_space(machine, Vmcoreinfo(info), *memory_);
  }
  [[nodiscard]] PhysicalMemory& memory() { return *memory_; }

 private:
  std::uint64_t base_;
  std::vector<std::byte> bytes_;
  std::uint64_t next_table_;
  std::unique_ptr<BytesFile> file_;
  std::unique_ptr<PhysicalMemory> memory_;
};

/// Puts entries into tables of `levels`, making those tables on the way that are missing.
class TableBuilder {
 public:
  TableBuilder(TableMachine& machine, std::uint64_t top, std::vector<TableLevel> levels,
               std::function<std::uint64_t(std::uint64_t paddr, const TableLevel&)> table_entry,
               std::size_t entry_bytes = 8)
      : machine_(machine),
        top_(top),
        levels_(std::move(levels)),
        table_entry_(std::move(table_entry)),
        entry_bytes_(entry_bytes),
        big_endian_(machine.machine.big_endian) {}

  void use_big_endian() { big_endian_ = true; }

  /// `entry` in the table whose entries stand for 1 << shift bytes.
  void map(std::uint64_t vaddr, unsigned shift, std::uint64_t entry) {
    std::uint64_t table = top_;
    for (std::size_t i = 0;; ++i) {
      REQUIRE(i < levels_.size());
      const TableLevel& level = levels_[i];
      const std::uint64_t at =
          table + (vaddr >> level.shift & ((1ULL << level.bits) - 1)) * entry_bytes_;
      if (level.shift == shift) {
        machine_.put(at, entry, entry_bytes_, big_endian_);
        return;
      }
      std::uint64_t& next = tables_[at];
      if (next == 0) {
        next = machine_.take(std::uint64_t{entry_bytes_} << levels_[i + 1].bits);
        machine_.put(at, table_entry_(next, level), entry_bytes_, big_endian_);
      }
      table = next;
    }
  }

 private:
  TableMachine& machine_;
  std::uint64_t top_;
  std::vector<TableLevel> levels_;
  std::function<std::uint64_t(std::uint64_t, const TableLevel&)> table_entry_;
  std::size_t entry_bytes_;
  bool big_endian_;
  std::map<std::uint64_t, std::uint64_t> tables_;  // by the place of the entry that leads there
};

/// translate()'s physical address; 0 where nothing is mapped.
inline std::uint64_t paddr(AddressSpace& space, std::uint64_t vaddr) {
  const auto extent = space.translate(vaddr);
  return extent ? extent->paddr : 0;
}

}  // namespace mkcapture::fakes
