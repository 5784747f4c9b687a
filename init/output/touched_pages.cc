#include "init/output/touched_pages.h"

#include <algorithm>

namespace mkcapture {

void TouchedPages::touch(std::uint64_t offset, std::uint64_t size) noexcept {
  if (size == 0) return;
  Extent added{.first = offset / kPage, .end = (offset + size - 1) / kPage + 1};
  // 1. [from, to): the extents that `added` overlaps or touches; they become one with it.
  std::size_t from = 0;
  while (from < count_ && extents_[from].end < added.first)
    ++from;
  std::size_t to = from;
  for (; to < count_ && extents_[to].first <= added.end; ++to) {
    added.first = std::min(added.first, extents_[to].first);
    added.end = std::max(added.end, extents_[to].end);
  }
  // 2. It takes their place, or makes room for itself: there is always one place more.
  if (to == from) {
    for (std::size_t i = count_; i > from; --i)
      extents_[i] = extents_[i - 1];
    ++count_;
  } else {
    erase(from + 1, to);
  }
  extents_[from] = added;
  // 3. The place is free again.
  if (count_ > kMostExtents) {
    extents_[0].end = extents_[1].end;
    erase(1, 2);
  }
}

bool TouchedPages::in_a_hole(std::uint64_t offset) const noexcept {
  const std::uint64_t page = offset / kPage;
  return std::none_of(extents_.begin(), extents_.begin() + count_,
                      [&](const Extent& e) { return e.first <= page && page < e.end; });
}

void TouchedPages::erase(std::size_t from, std::size_t to) noexcept {
  std::copy(extents_.begin() + to, extents_.begin() + count_, extents_.begin() + from);
  count_ -= to - from;
}

}  // namespace mkcapture
