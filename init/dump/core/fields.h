// Reading numbers of the crashed machine's byte order and word size out of bytes.
//
// Every read names a place in a span; one that reaches beyond its end gives 0, so that a parser of
// hostile bytes cannot run off and only has to check what it makes of the value.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace mkcapture::dump {

using Bytes = std::span<const std::byte>;

class Fields {
 public:
  Fields() = default;
  Fields(int elf_class, bool big_endian) noexcept
      : word_(elf_class == 32 ? 4 : 8),
        swap_(big_endian != (std::endian::native == std::endian::big)) {}

  [[nodiscard]] std::size_t word_size() const noexcept { return word_; }
  [[nodiscard]] bool swapped() const noexcept { return swap_; }

  [[nodiscard]] std::uint8_t u8(Bytes b, std::size_t at) const noexcept {
    return at < b.size() ? static_cast<std::uint8_t>(b[at]) : std::uint8_t{0};
  }
  [[nodiscard]] std::uint16_t u16(Bytes b, std::size_t at) const noexcept {
    const auto v = load<std::uint16_t>(b, at);
    return swap_ ? __builtin_bswap16(v) : v;
  }
  [[nodiscard]] std::uint32_t u32(Bytes b, std::size_t at) const noexcept {
    const auto v = load<std::uint32_t>(b, at);
    return swap_ ? __builtin_bswap32(v) : v;
  }
  [[nodiscard]] std::uint64_t u64(Bytes b, std::size_t at) const noexcept {
    const auto v = load<std::uint64_t>(b, at);
    return swap_ ? __builtin_bswap64(v) : v;
  }
  /// An unsigned long or a pointer.
  [[nodiscard]] std::uint64_t word(Bytes b, std::size_t at) const noexcept {
    return word_ == 8 ? u64(b, at) : u32(b, at);
  }

 private:
  template <class T>
  static T load(Bytes b, std::size_t at) noexcept {
    T v = 0;
    if (at <= b.size() && b.size() - at >= sizeof v) std::memcpy(&v, b.data() + at, sizeof v);
    return v;
  }

  std::size_t word_ = 8;
  bool swap_ = false;
};

}  // namespace mkcapture::dump
