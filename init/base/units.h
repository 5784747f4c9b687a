// Durations and sizes as people write them. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "init/base/result.h"

namespace mkcapture {

using Milliseconds = std::chrono::milliseconds;

/// "30min", "90s", "1h30min", "500ms", "2d", a bare number is seconds. Positive, at most 7 days.
[[nodiscard]] Result<Milliseconds> parse_duration(std::string_view text);
[[nodiscard]] std::string format_duration(Milliseconds d);  // "30min", "1min30s"; parses back

/// "512M", "2G", "64K", "1T" with binary multiples, a bare number is bytes; "MiB", "MB" and lower
/// case accepted. Overflow is an error.
[[nodiscard]] Result<std::uint64_t> parse_size(std::string_view text);
[[nodiscard]] std::string format_size(std::uint64_t bytes);  // for people: "12.3 MB"

/// A whole unsigned number, nothing before or behind it; `base` 10 or 16 (no 0x).
[[nodiscard]] Result<std::uint64_t> parse_number(std::string_view text, int base = 10);

}  // namespace mkcapture
