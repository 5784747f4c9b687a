// Which kernel runs, and whether it is the one that the image is for.
#pragma once

#include <string>
#include <string_view>

#include "init/system/system.h"

namespace mkcapture::init {

/// As uname -r says it; empty where /proc does not.
[[nodiscard]] std::string running_kernel(System& system);

/// Whether modules of `release` (empty: not known) are another kernel's.
[[nodiscard]] bool is_another_kernel(System& system, std::string_view release);

}  // namespace mkcapture::init
