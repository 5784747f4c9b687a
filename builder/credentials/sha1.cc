#include "builder/credentials/sha1.h"

#include <bit>
#include <string>

namespace mkcapture {

namespace {

constexpr std::size_t kBlock = 64;

void add_block(const std::uint8_t* block, std::array<std::uint32_t, 5>& state) {
  std::uint32_t w[80];
  for (std::size_t i = 0; i < 16; ++i)
    w[i] = std::uint32_t{block[4 * i]} << 24 | std::uint32_t{block[4 * i + 1]} << 16 |
           std::uint32_t{block[4 * i + 2]} << 8 | block[4 * i + 3];
  for (int i = 16; i < 80; ++i)
    w[i] = std::rotl(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);

  auto [a, b, c, d, e] = state;
  for (int i = 0; i < 80; ++i) {
    std::uint32_t mix, constant;
    if (i < 20) {
      mix = (b & c) | (~b & d);
      constant = 0x5a827999;
    } else if (i < 40) {
      mix = b ^ c ^ d;
      constant = 0x6ed9eba1;
    } else if (i < 60) {
      mix = (b & c) | (b & d) | (c & d);
      constant = 0x8f1bbcdc;
    } else {
      mix = b ^ c ^ d;
      constant = 0xca62c1d6;
    }
    const std::uint32_t next = std::rotl(a, 5) + mix + e + constant + w[i];
    e = d;
    d = c;
    c = std::rotl(b, 30);
    b = a;
    a = next;
  }
  state[0] += a;
  state[1] += b;
  state[2] += c;
  state[3] += d;
  state[4] += e;
}

}  // namespace

Sha1Digest sha1(std::string_view bytes) {
  std::string padded(bytes);
  padded += '\x80';
  while (padded.size() % kBlock != kBlock - 8)
    padded += '\0';
  const std::uint64_t bits = std::uint64_t{bytes.size()} * 8;
  for (int shift = 56; shift >= 0; shift -= 8)
    padded += static_cast<char>(bits >> shift & 0xff);

  std::array<std::uint32_t, 5> state = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
  const auto* at = reinterpret_cast<const std::uint8_t*>(padded.data());
  for (std::size_t i = 0; i < padded.size(); i += kBlock)
    add_block(at + i, state);

  Sha1Digest digest;
  for (int i = 0; i < 20; ++i)
    digest[i] = static_cast<std::uint8_t>(state[i / 4] >> (24 - 8 * (i % 4)));
  return digest;
}

Sha1Digest hmac_sha1(std::string_view key, std::string_view message) {
  std::string pad(key);
  if (pad.size() > kBlock) {
    const auto digest = sha1(pad);
    pad.assign(digest.begin(), digest.end());
  }
  pad.resize(kBlock, '\0');
  std::string inner = pad, outer = pad;
  for (char& c : inner)
    c ^= 0x36;
  for (char& c : outer)
    c ^= 0x5c;
  const auto digest = sha1(inner.append(message));
  return sha1(outer.append(digest.begin(), digest.end()));
}

}  // namespace mkcapture
