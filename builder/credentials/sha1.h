// HMAC-SHA1 (FIPS 180-4, RFC 2104): how known_hosts hides host names. Not for anything that must
// withstand an attacker.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace mkcapture {

using Sha1Digest = std::array<std::uint8_t, 20>;
[[nodiscard]] Sha1Digest sha1(std::string_view bytes);
[[nodiscard]] Sha1Digest hmac_sha1(std::string_view key, std::string_view message);

}  // namespace mkcapture
