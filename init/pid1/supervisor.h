// Watches a worker: PID 1 itself never touches a device or a server.
#pragma once

#include <functional>

#include "init/base/units.h"
#include "init/contract/target.h"
#include "init/system/system.h"
#include "init/worker/worker_state.h"

namespace mkcapture::init {

struct WorkerLimits {
  Deadline deadline;     // of the whole capture: the worker is killed when it has passed
  Milliseconds wait;     // until the target is open, once the drivers are loaded
  Milliseconds stall;    // from then on, without any progress
  bool extends = false;  // the deadline does not end a worker whose target is open
};

/// Beyond `wait` and `stall`, so that a worker that can still speak gives the reason itself.
inline constexpr Milliseconds kWorkerGrace{5'000};
/// Without a single driver having been loaded: controllers take up to three minutes after a crash.
inline constexpr Milliseconds kDriverPatience{200'000};
/// For a killed worker to end. One that does not (a driver in uninterruptible sleep) is left
/// behind.
inline constexpr Milliseconds kKillPatience{1'000};

/// How a try at a target ended. The state has its verdict, or that it is not yet given.
struct TryEnd {
  bool saved = false;
  bool hung = false;  // a limit was broken: something may still wait within the kernel
};

/// Runs `work` in a worker until it ends or breaks a limit, and sees to it that there is exactly
/// one verdict: the worker's own, or one from here that says how it ended; a try that may be made
/// again has none yet. Nothing that the worker has started is left running. `look` is called each
/// time that the worker is looked at.
[[nodiscard]] TryEnd supervise(
    System& system, const TargetSpec& target, WorkerState& state, const WorkerLimits& limits,
    const std::function<int()>& work, const std::function<void()>& look = [] {});

}  // namespace mkcapture::init
