#include "init/dump/core/memory_window.h"

#include <algorithm>
#include <cstring>

#include "init/dump/core/memory_ranges.h"

namespace mkcapture::dump {

CoreWindow::CoreWindow(const CoreFile& file, std::span<const MemoryRange> ranges,
                       std::uint32_t page_size, std::size_t window_bytes)
    : file_(&file),
      ranges_(ranges),
      page_size_(page_size),
      window_bytes_(std::max<std::size_t>(window_bytes / page_size, 1) * page_size) {}

std::span<const std::byte> CoreWindow::at(std::uint64_t paddr, std::size_t size) {
  if (paddr - first_ >= window_.size() && !move_to(paddr, size)) return {};
  const auto skip = static_cast<std::size_t>(paddr - first_);
  return window_.subspan(skip, std::min(size, window_.size() - skip));
}

bool CoreWindow::move_to(std::uint64_t paddr, std::size_t wanted) {
  window_ = {};
  const MemoryRange* range = find_range(ranges_, paddr);
  if (range == nullptr) return false;
  first_ = paddr & ~std::uint64_t{page_size_ - 1};
  const std::uint64_t skipped = first_ - range->paddr;
  const std::uint64_t offset = range->file_offset + skipped;
  const auto size =
      static_cast<std::size_t>(std::min<std::uint64_t>(range->size - skipped, window_bytes_));
  if (offset >= file_->size()) return false;
  // A page or two far from what came last: a mapping costs more than a copy.
  const bool alone = wanted <= kSmall && paddr - last_ >= window_bytes_;
  last_ = paddr;
  if (can_map_ && !alone) {
    mapping_ = {};  // first, so that two windows are never mapped at once
    mapping_ = file_->map(offset, size);
    if (mapping_) {
      failed_maps_ = 0;
      window_ = mapping_.bytes().first(std::min(size, mapping_.bytes().size()));
      return paddr - first_ < window_.size();
    }
    // /proc/kcore can never be mapped, of /proc/vmcore a piece may be refused.
    can_map_ = ++failed_maps_ < kMostFailedMaps;
  }
  // What is copied should be of use: no more than was asked for, in whole pages.
  wanted =
      (std::min(wanted, size) + (paddr - first_) + page_size_ - 1) & ~std::size_t{page_size_ - 1};
  return fill_buffer(offset, std::min(size, wanted)) && paddr - first_ < window_.size();
}

// A device that fails on one page must not cost its neighbours: what came before it is returned,
// and a window that begins with it is retried for that page alone.
bool CoreWindow::fill_buffer(std::uint64_t offset, std::size_t size) {
  buffer_.resize(window_bytes_);
  std::size_t n = file_->read(offset, std::span(buffer_).first(size));
  if (n == 0)
    n = file_->read(offset, std::span(buffer_).first(std::min<std::size_t>(size, page_size_)));
  if (n > page_size_) n -= n % page_size_;
  window_ = std::span<const std::byte>(buffer_).first(n);
  return n > 0;
}

const PhysicalMemory::Slot& PhysicalMemory::block_with(std::uint64_t paddr) {
  if (slots_.empty()) slots_.resize(kSlots);
  const std::uint64_t block = paddr / kBlock;
  // Fibonacci hashing: tables and the log lie at round addresses.
  Slot& slot = slots_[(block * 0x9e3779b97f4a7c15U) >> 58];
  if (slot.block != block) {
    if (noted_ != nullptr && noted_->size() < most_noted_) noted_->push_back(block);
    slot.block = block;
    slot.size = 0;
    const MemoryRange* range = find_range(ranges_, block * kBlock);
    if (range != nullptr)
      slot.size = file_->read(range->file_offset + (block * kBlock - range->paddr), slot.bytes);
  }
  return slot;
}

void PhysicalMemory::note_reads(std::vector<std::uint64_t>* numbers, std::size_t most) {
  noted_ = numbers;
  most_noted_ = most;
  slots_.clear();  // what is there already is read again, and noted
}

bool PhysicalMemory::read(std::uint64_t paddr, std::span<std::byte> out) {
  static_assert(kSlots == std::size_t{1} << (64 - 58));
  while (!out.empty()) {
    const Slot& slot = block_with(paddr);
    const auto skip = static_cast<std::size_t>(paddr % kBlock);
    const std::size_t n = std::min(out.size(), kBlock - skip);
    if (skip + n > slot.size) return false;
    std::memcpy(out.data(), slot.bytes.data() + skip, n);
    paddr += n;
    out = out.subspan(n);
  }
  return true;
}

}  // namespace mkcapture::dump
