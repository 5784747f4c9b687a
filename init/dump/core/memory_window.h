// Windows on the physical memory in a vmcore.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "init/dump/core/core_file.h"
#include "init/dump/pages.h"

namespace mkcapture::dump {

/// For long runs: maps `window_bytes` at a time, or reads what is asked for into a buffer of at
/// most that size. `file` and `ranges` (of page_ranges()) must outlive it.
class CoreWindow : public MemoryWindow {
 public:
  CoreWindow(const CoreFile& file, std::span<const MemoryRange> ranges, std::uint32_t page_size,
             std::size_t window_bytes);

  std::span<const std::byte> at(std::uint64_t paddr, std::size_t size) override;

 private:
  bool move_to(std::uint64_t paddr, std::size_t wanted);
  bool fill_buffer(std::uint64_t offset, std::size_t size);

  const CoreFile* file_;
  std::span<const MemoryRange> ranges_;
  std::uint32_t page_size_;
  std::size_t window_bytes_;
  static constexpr int kMostFailedMaps = 64;
  static constexpr std::size_t kSmall = 16 << 10;
  bool can_map_ = true;
  int failed_maps_ = 0;  // in a row
  FileMapping mapping_;
  std::vector<std::byte> buffer_;
  std::uint64_t first_ = 0;  // physical address of the window's first byte
  std::uint64_t last_ = 0;   // where the last window was asked for
  Bytes window_;
};

/// For small reads all over the place: page tables, kernel variables, the log. Keeps kSlots pages.
class PhysicalMemory {
 public:
  PhysicalMemory(const CoreFile& file, std::span<const MemoryRange> ranges)
      : file_(&file), ranges_(ranges) {}

  static constexpr std::size_t kBlock = 4096;

  /// All of `out`, or false where a byte of it is in no range or cannot be read.
  [[nodiscard]] bool read(std::uint64_t paddr, std::span<std::byte> out);
  /// From now on the blocks that are read are added to `numbers` (of kBlock bytes each, some of
  /// them more than once), as long as there are fewer than `most`; null: no longer.
  void note_reads(std::vector<std::uint64_t>* numbers, std::size_t most);

 private:
  static constexpr std::size_t kSlots = 64;
  struct Slot {
    std::uint64_t block = ~std::uint64_t{0};
    std::size_t size = 0;  // readable bytes; 0: none
    std::array<std::byte, kBlock> bytes;
  };

  const Slot& block_with(std::uint64_t paddr);

  const CoreFile* file_;
  std::span<const MemoryRange> ranges_;
  std::vector<Slot> slots_;
  std::vector<std::uint64_t>* noted_ = nullptr;
  std::size_t most_noted_ = 0;
};

}  // namespace mkcapture::dump
