// The name of a dump's directory.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace mkcapture::init {

/// "HOST-YYYY-MM-DD-HH:MM:SS", UTC, for seconds since 1970. A HOST without any usable character
/// becomes "unknown"; '/' and control characters become '_'.
[[nodiscard]] std::string dump_name(std::string_view host, std::int64_t seconds);

}  // namespace mkcapture::init
