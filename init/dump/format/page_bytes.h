// Looking at a page's bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace mkcapture::dump {

/// Whether all bytes are zero. Most pages that are not say so in their first words; the rest of the
/// loop is left to the compiler to vectorise.
[[nodiscard]] inline bool is_zero(std::span<const std::byte> bytes) noexcept {
  constexpr std::size_t kWords = 16;
  constexpr std::size_t kBlock = kWords * sizeof(std::uint64_t);
  while (bytes.size() >= kBlock) {
    std::uint64_t words[kWords];
    std::memcpy(words, bytes.data(), kBlock);
    std::uint64_t any = 0;
    for (const std::uint64_t word : words)
      any |= word;
    if (any != 0) return false;
    bytes = bytes.subspan(kBlock);
  }
  for (const std::byte b : bytes) {
    if (b != std::byte{0}) return false;
  }
  return true;
}

}  // namespace mkcapture::dump
