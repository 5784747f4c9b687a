#include "init/dump/kernel/kernel_memory.h"

#include <algorithm>

namespace mkcapture::dump {

std::optional<Extent> KernelMemory::translate(std::uint64_t vaddr) {
  for (const Mapping& m : recent_) {
    const std::uint64_t skip = vaddr - m.vaddr;
    if (skip < m.extent.size) return Extent{m.extent.paddr + skip, m.extent.size - skip};
  }
  const auto extent = space_->translate(vaddr);
  if (extent) {
    recent_[oldest_] = {vaddr, *extent};
    oldest_ = (oldest_ + 1) % recent_.size();
  }
  return extent;
}

bool KernelMemory::read(std::uint64_t vaddr, std::span<std::byte> out) {
  while (!out.empty()) {
    const auto extent = translate(vaddr);
    if (!extent) return false;
    const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(out.size(), extent->size));
    if (!memory_->read(extent->paddr, out.first(n))) return false;
    vaddr += n;
    out = out.subspan(n);
  }
  return true;
}

std::optional<std::uint32_t> KernelMemory::u32(std::uint64_t vaddr) {
  std::array<std::byte, 4> bytes;
  if (!read(vaddr, bytes)) return std::nullopt;
  return fields_.u32(bytes, 0);
}

std::optional<std::uint64_t> KernelMemory::u64(std::uint64_t vaddr) {
  std::array<std::byte, 8> bytes;
  if (!read(vaddr, bytes)) return std::nullopt;
  return fields_.u64(bytes, 0);
}

std::optional<std::uint64_t> KernelMemory::word(std::uint64_t vaddr) {
  std::array<std::byte, 8> bytes;
  if (!read(vaddr, std::span(bytes).first(fields_.word_size()))) return std::nullopt;
  return fields_.word(bytes, 0);
}

}  // namespace mkcapture::dump
