// A part of a file that grows from its beginning on, written in large aligned pieces.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>

#include "init/output/aligned_buffer.h"
#include "init/output/output.h"

namespace mkcapture::dump {

class AppendBuffer {
 public:
  static constexpr std::size_t kPieceBytes = 256 << 10;

  /// Begins at `offset` of `output`; room() has `room_bytes`.
  AppendBuffer(Output& output, std::uint64_t offset, std::size_t room_bytes)
      : output_(output), offset_(offset), memory_(kPieceBytes + room_bytes) {}

  /// False where there was no memory; then nothing else may be called.
  [[nodiscard]] bool ok() const noexcept { return static_cast<bool>(memory_); }

  [[nodiscard]] std::byte* room() const noexcept { return memory_.data() + used_; }
  /// The first `size` bytes at room(), at most room_bytes, belong to the file now.
  Status commit(std::size_t size) {
    used_ += size;
    return used_ >= kPieceBytes ? write_piece() : Status();
  }
  Status append(std::span<const std::byte> data) {
    while (!data.empty()) {
      const std::size_t n = std::min(data.size(), kPieceBytes - used_);
      std::memcpy(room(), data.data(), n);
      data = data.subspan(n);
      TRY(commit(n));
    }
    return {};
  }
  /// Writes what is left. Called once, at the end.
  Status flush() { return write_first(used_); }
  /// Writes everything now and not with the next piece. Zeros follow it up to the next block, so
  /// that blocks stay whole.
  Status hand_over() {
    const std::size_t whole = (used_ + kBlock - 1) / kBlock * kBlock;
    std::memset(memory_.data() + used_, 0, whole - used_);
    used_ = whole;
    return write_first(whole);
  }

  /// In the file: where room() will be, and up to where it has been handed to the output.
  [[nodiscard]] std::uint64_t position() const noexcept { return offset_ + used_; }
  [[nodiscard]] std::uint64_t written_up_to() const noexcept { return offset_; }

 private:
  static constexpr std::size_t kBlock = 4096;

  Status write_piece() { return write_first(kPieceBytes); }
  Status write_first(std::size_t size) {
    TRY(output_.write_at(offset_, memory_.span().first(size)));
    offset_ += size;
    used_ -= size;
    std::memmove(memory_.data(), memory_.data() + size, used_);
    return {};
  }

  Output& output_;
  std::uint64_t offset_;  // in the file, of the buffer's first byte
  std::size_t used_ = 0;
  AlignedBuffer memory_;
};

}  // namespace mkcapture::dump
