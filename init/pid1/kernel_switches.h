// The kernel's own switches for when it gives up. They belong to the system that crashed: there an
// oops or a late task is worth a dump, here it would end one.
#pragma once

#include "init/base/units.h"
#include "init/system/system.h"

namespace mkcapture::init {

/// Nothing but a true panic ends this kernel: an oops, a warning, a late task, a machine short of
/// memory goes on, so that the next target has its turn. Switches that this kernel does not have
/// are passed over.
void keep_kernel_going(System& system);

/// How long a CPU may spin before arm_lockup_detectors() has the kernel end it: twice the largest
/// threshold that it takes (kernel/watchdog.c: 60 s, soft lockups at double that).
inline constexpr Milliseconds kLockupPatience{120'000};
/// And when it has ended it at the latest: its seconds have 2^30 ns, it looks every fifth of them,
/// and what the driver has just printed puts the beginning off to the next look.
inline constexpr Milliseconds kLockupEnd{180'000};

/// The net where there is no watchdog device: a CPU that spins in the kernel with interrupts on for
/// kLockupPatience (kLockupEnd at most), or with interrupts off for half of it where the processor
/// has a counter that gives NMIs, panics, and panic= reboots. False where this kernel has no such
/// detector.
bool arm_lockup_detectors(System& system);

}  // namespace mkcapture::init
