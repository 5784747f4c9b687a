#include "init/dump/core/memory_ranges.h"

#include <algorithm>
#include <queue>

namespace mkcapture::dump {
namespace {

std::uint64_t end_of(const MemoryRange& r) {
  return r.paddr + r.size;
}

/// False where no whole page is left.
bool grow_to_pages(MemoryRange& r, std::uint64_t page_size) {
  std::uint64_t begin = r.paddr & ~(page_size - 1);
  const std::uint64_t end = (end_of(r) + page_size - 1) & ~(page_size - 1);
  if (r.paddr - begin > r.file_offset) begin += page_size;
  if (r.size == 0 || begin >= end) return false;
  const std::uint64_t shift = begin - r.paddr;  // mod 2^64: backwards where it grew
  if (r.vaddr != 0 && r.vaddr != ~std::uint64_t{0}) r.vaddr += shift;
  r.file_offset += shift;
  r.paddr = begin;
  r.size = end - begin;
  return true;
}

/// The part of `r` in [begin, end), which lies inside of it.
MemoryRange part(const MemoryRange& r, std::uint64_t begin, std::uint64_t end) {
  MemoryRange p = r;
  const std::uint64_t skipped = begin - r.paddr;
  p.paddr = begin;
  p.size = end - begin;
  p.file_offset += skipped;
  if (r.vaddr != 0 && r.vaddr != ~std::uint64_t{0}) p.vaddr += skipped;
  return p;
}

void append(std::vector<MemoryRange>& ranges, const MemoryRange& r) {
  if (!ranges.empty()) {
    MemoryRange& last = ranges.back();
    if (end_of(last) == r.paddr && last.file_offset + last.size == r.file_offset &&
        last.vaddr + last.size == r.vaddr) {
      last.size += r.size;
      return;
    }
  }
  ranges.push_back(r);
}

}  // namespace

std::vector<MemoryRange> page_ranges(std::vector<MemoryRange> loads, std::uint32_t page_size) {
  std::erase_if(loads, [&](MemoryRange& r) { return !grow_to_pages(r, page_size); });
  std::sort(loads.begin(), loads.end(), [](const MemoryRange& a, const MemoryRange& b) {
    return a.paddr != b.paddr ? a.paddr < b.paddr : a.size < b.size;
  });

  // Sweep upwards. `open` has the ranges that began at or before `at`, the smallest on top; those
  // that have ended are dropped once they come up.
  const auto larger = [&](std::size_t a, std::size_t b) {
    return loads[a].size != loads[b].size ? loads[a].size > loads[b].size : a > b;
  };
  std::priority_queue<std::size_t, std::vector<std::size_t>, decltype(larger)> open(larger);
  std::vector<MemoryRange> ranges;
  ranges.reserve(loads.size());
  std::size_t next = 0;
  std::uint64_t at = 0;
  while (next < loads.size() || !open.empty()) {
    if (open.empty()) at = std::max(at, loads[next].paddr);
    while (next < loads.size() && loads[next].paddr <= at)
      open.push(next++);
    const MemoryRange& top = loads[open.top()];
    if (end_of(top) <= at) {
      open.pop();
      continue;
    }
    std::uint64_t until = end_of(top);
    if (next < loads.size()) until = std::min(until, loads[next].paddr);
    append(ranges, part(top, at, until));
    at = until;
  }
  return ranges;
}

std::uint64_t cut_to_file(std::vector<MemoryRange>& ranges, std::uint64_t file_size,
                          std::uint32_t page_size) {
  std::uint64_t pages = 0;
  std::erase_if(ranges, [&](MemoryRange& r) {
    const std::uint64_t there = file_size > r.file_offset ? file_size - r.file_offset : 0;
    if (there >= r.size) return false;
    const std::uint64_t whole = (there + page_size - 1) & ~std::uint64_t{page_size - 1};
    pages += (r.size - whole) / page_size;
    r.size = whole;
    return r.size == 0;
  });
  return pages;
}

const MemoryRange* find_range(std::span<const MemoryRange> ranges, std::uint64_t paddr) noexcept {
  auto above = std::upper_bound(ranges.begin(), ranges.end(), paddr,
                                [](std::uint64_t p, const MemoryRange& r) { return p < r.paddr; });
  if (above == ranges.begin()) return nullptr;
  --above;
  return paddr - above->paddr < above->size ? &*above : nullptr;
}

}  // namespace mkcapture::dump
