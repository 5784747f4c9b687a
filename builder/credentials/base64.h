// Base64 (RFC 4648), as keys and hashed host names are written.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace mkcapture {

/// White space is passed over; anything else that is not base64 gives nothing.
[[nodiscard]] std::optional<std::string> decode_base64(std::string_view text);

}  // namespace mkcapture
