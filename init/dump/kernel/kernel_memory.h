// Variables and structures of the crashed kernel by their virtual addresses.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "init/dump/core/fields.h"
#include "init/dump/core/memory_window.h"
#include "init/dump/kernel/arch/arch.h"

namespace mkcapture::dump {

/// For small reads; a read may cross pages that lie apart. Neither argument is owned.
class KernelMemory {
 public:
  KernelMemory(AddressSpace& space, PhysicalMemory& memory, Fields fields) noexcept
      : space_(&space), memory_(&memory), fields_(fields) {}

  [[nodiscard]] Fields fields() const noexcept { return fields_; }

  /// All of `out`, or false where a byte of it is not mapped or cannot be read.
  [[nodiscard]] bool read(std::uint64_t vaddr, std::span<std::byte> out);
  [[nodiscard]] std::optional<std::uint32_t> u32(std::uint64_t vaddr);
  [[nodiscard]] std::optional<std::uint64_t> u64(std::uint64_t vaddr);
  /// An unsigned long or a pointer.
  [[nodiscard]] std::optional<std::uint64_t> word(std::uint64_t vaddr);

  /// As AddressSpace's.
  [[nodiscard]] std::vector<std::uint64_t> tables(std::size_t most) { return space_->tables(most); }
  /// As AddressSpace's, remembering the mappings that it found last.
  [[nodiscard]] std::optional<Extent> translate(std::uint64_t vaddr);

 private:
  struct Mapping {
    std::uint64_t vaddr = 0;
    Extent extent{0, 0};
  };

  AddressSpace* space_;
  PhysicalMemory* memory_;
  Fields fields_;
  std::array<Mapping, 4> recent_{};
  std::size_t oldest_ = 0;
};

}  // namespace mkcapture::dump
