// What keeps PID 1 from ending or hanging: either would leave a machine that is down for good.
#pragma once

#include "init/base/result.h"
#include "init/base/units.h"

namespace mkcapture::init {

/// From here on a fatal signal of this process's own (SIGSEGV, SIGABRT, ...) reboots at once, where
/// the kernel would panic; the kernel's out-of-memory killer passes it over; writing to a closed
/// pipe is an error, not a signal.
void guard_init();

/// Reboots when `longest` has passed from now, whatever this process is waiting for then. Replaces
/// the limit set before; 0 takes it away.
void limit_init(Milliseconds longest);

/// Standard input, output and error to /dev/console, for the programs that /init starts.
Status open_console();

}  // namespace mkcapture::init
