// What the last `mkcapture check` found, for `status`.
#pragma once

#include <optional>

#include "builder/service/status.h"

namespace mkcapture {

inline constexpr const char* kCheckPath = "/var/lib/mkcapture/check.json";

/// Empty where there was none yet, or what it wrote cannot be understood.
[[nodiscard]] std::optional<CheckStatus> read_check(Host& host);
[[nodiscard]] Status write_check(Host& host, const CheckStatus& check);

}  // namespace mkcapture
