// Whole pages of the crashed machine's memory.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "init/dump/pages.h"

namespace mkcapture::dump {

/// A MemoryWindow that gives whole pages: where a range begins or ends inside of a page, the rest
/// of the page is zeros. One per thread.
class PageReader {
 public:
  /// `machine` must outlive this.
  PageReader(const CrashedMachine& machine, std::unique_ptr<MemoryWindow> window)
      : machine_(&machine), window_(std::move(window)) {}

  /// The bytes of 1 to `count` page frames from `pfn` on, as many as come at once, valid until the
  /// next call. Empty: page `pfn` cannot be read. count * page size is at most the window's size.
  std::span<const std::byte> pages(std::uint64_t pfn, std::uint64_t count) {
    const std::size_t page = machine_->page_size;
    const auto bytes = window_->at(pfn * page, static_cast<std::size_t>(count) * page);
    const std::size_t whole = bytes.size() / page * page;
    return whole > 0 ? bytes.first(whole) : assemble(pfn);
  }

 private:
  std::span<const std::byte> assemble(std::uint64_t pfn) {
    const std::uint64_t begin = pfn * machine_->page_size;
    const std::uint64_t end = begin + machine_->page_size;
    page_.assign(machine_->page_size, std::byte{0});
    bool any = false;
    const auto& ranges = machine_->ranges;
    auto r = std::partition_point(ranges.begin(), ranges.end(),
                                  [&](const MemoryRange& m) { return m.paddr + m.size <= begin; });
    for (; r != ranges.end() && r->paddr < end; ++r) {
      const std::uint64_t from = std::max(begin, r->paddr);
      const std::uint64_t size = std::min(end, r->paddr + r->size) - from;
      const auto bytes = window_->at(from, static_cast<std::size_t>(size));
      std::copy(bytes.begin(), bytes.end(),
                page_.begin() + static_cast<std::ptrdiff_t>(from - begin));
      any = any || !bytes.empty();
    }
    return any ? std::span<const std::byte>(page_) : std::span<const std::byte>();
  }

  const CrashedMachine* machine_;
  std::unique_ptr<MemoryWindow> window_;
  std::vector<std::byte> page_;
};

}  // namespace mkcapture::dump
