// The real System. One per process tree: workers inherit it by fork().
#pragma once

#include <memory>
#include <string_view>

#include "init/system/system.h"

namespace mkcapture::init {

/// Opens the socket of uevents at once, so that no device is missed; the kernel log at its first
/// line, since /dev is not there yet when /init starts. SIGCHLD is blocked from here on.
/// `say`: where lines of the log go instead, on a machine whose kernel log is not ours.
[[nodiscard]] std::unique_ptr<System> make_linux_system(void (*say)(std::string_view) = nullptr);

}  // namespace mkcapture::init
