// Header fields in the crashed machine's byte order and word size.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace mkcapture::dump {

/// Appends fields to a growing block of bytes. No padding of its own: align_to() where the C
/// structure has some.
class CrashedBytes {
 public:
  CrashedBytes(int elf_class, bool big_endian) noexcept
      : word_(elf_class == 32 ? 4 : 8), big_endian_(big_endian) {}

  void u8(std::uint8_t v) { out_.push_back(std::byte{v}); }
  void u16(std::uint16_t v) { put(v, 2); }
  void u32(std::uint32_t v) { put(v, 4); }
  void u64(std::uint64_t v) { put(v, 8); }
  /// An address, offset or `long`: 4 or 8 bytes. In a 32-bit field the upper half is cut off.
  void word(std::uint64_t v) { put(v, word_); }
  void bytes(std::span<const std::byte> b) { out_.insert(out_.end(), b.begin(), b.end()); }
  /// `text`, cut to size - 1, and zeros up to `size`.
  void text(std::string_view text, std::size_t size) {
    for (std::size_t i = 0; i < size; ++i) {
      u8(i + 1 < size && i < text.size() ? static_cast<std::uint8_t>(text[i]) : 0);
    }
  }
  void align_to(std::size_t n) { out_.resize((out_.size() + n - 1) / n * n); }
  void zeros_up_to(std::size_t size) { out_.resize(size); }

  [[nodiscard]] std::size_t word_size() const noexcept { return word_; }
  [[nodiscard]] std::size_t size() const noexcept { return out_.size(); }
  [[nodiscard]] const std::vector<std::byte>& data() const noexcept { return out_; }
  void clear() { out_.clear(); }

 private:
  void put(std::uint64_t v, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) {
      out_.push_back(static_cast<std::byte>(v >> (8 * (big_endian_ ? n - 1 - i : i))));
    }
  }

  std::size_t word_;
  bool big_endian_;
  std::vector<std::byte> out_;
};

}  // namespace mkcapture::dump
