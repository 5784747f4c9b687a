// What outputs that can only go forward have in common (a pipe, a command on a server): gaps
// between writes are sent as zeros.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>

#include "init/output/output.h"

namespace mkcapture {

class SequentialOutput : public Output {
 public:
  [[nodiscard]] bool seekable() const noexcept final { return false; }

  Status write_at(std::uint64_t offset, std::span<const std::byte> data) final {
    TRY(zeros_up_to(offset));
    return send(data);
  }

 protected:
  /// Sends all of `data`, calling sent() for what has gone out, also before an error.
  virtual Status send(std::span<const std::byte> data) = 0;
  void sent(std::size_t bytes) noexcept { position_ += bytes; }

  /// For finish(): a file of `size` bytes ends in zeros where less was written.
  Status pad_to(std::uint64_t size) { return size > position_ ? zeros_up_to(size) : Status(); }

 private:
  Status zeros_up_to(std::uint64_t offset) {
    static constexpr std::array<std::byte, 16384> kZeros{};
    if (offset < position_) return fail("a stream cannot go back");
    while (position_ < offset) {
      const auto n = std::min<std::uint64_t>(offset - position_, kZeros.size());
      TRY(send(std::span(kZeros).first(static_cast<std::size_t>(n))));
    }
    return {};
  }

  std::uint64_t position_ = 0;
};

}  // namespace mkcapture
