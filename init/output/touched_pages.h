// Which pages of a file may have been written: what tells a page in a hole, whose other bytes are
// zeros, from one whose other bytes are somebody's.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace mkcapture {

/// Never forgets a page. Bounded: where a file is written in more places than it can hold, the
/// lowest two become one, and what lies between them counts as written too.
class TouchedPages {
 public:
  static constexpr std::uint64_t kPage = 4096;
  static constexpr std::size_t kMostExtents = 32;

  /// Notes the pages that [offset, offset + size) has a byte in.
  void touch(std::uint64_t offset, std::uint64_t size) noexcept;
  /// True where the page that holds the byte `offset` has surely not been touched.
  [[nodiscard]] bool in_a_hole(std::uint64_t offset) const noexcept;

 private:
  struct Extent {
    std::uint64_t first = 0;  // pages [first, end)
    std::uint64_t end = 0;
  };

  void erase(std::size_t from, std::size_t to) noexcept;

  std::array<Extent, kMostExtents + 1> extents_{};  // sorted, with a gap between any two
  std::size_t count_ = 0;
};

}  // namespace mkcapture
