// The real System. One per process tree: workers inherit it by fork().
#pragma once

#include <memory>

#include "init/system/system.h"

namespace mkcapture::init {

/// Opens the socket of uevents at once, so that no device is missed; the kernel log at its first
/// line, since /dev is not there yet when /init starts. SIGCHLD is blocked from here on.
[[nodiscard]] std::unique_ptr<System> make_linux_system();

}  // namespace mkcapture::init
