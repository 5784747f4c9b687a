// Watches a worker: PID 1 itself never touches a device or a server.
#pragma once

#include <functional>

#include "init/base/units.h"
#include "init/contract/target.h"
#include "init/system/system.h"
#include "init/worker/worker_state.h"

namespace mkcapture::init {

struct WorkerLimits {
  Deadline deadline;   // of the whole capture: the worker is killed when it has passed
  Milliseconds wait;   // until the target is open
  Milliseconds stall;  // from then on, without any progress
};

/// Beyond `wait` and `stall`, so that a worker that can still speak gives the reason itself.
inline constexpr Milliseconds kWorkerGrace{5'000};
/// For a killed worker to end. One that does not (a driver in uninterruptible sleep) is left
/// behind.
inline constexpr Milliseconds kKillPatience{1'000};

/// Runs `work` in a worker until it ends or breaks a limit, and sees to it that there is exactly
/// one verdict: the worker's own, or one from here that says how it ended. Nothing that the worker
/// has started is left running. `look` is called each time that the worker is looked at. True: the
/// dump is saved.
[[nodiscard]] bool supervise(
    System& system, const TargetSpec& target, WorkerState& state, const WorkerLimits& limits,
    const std::function<int()>& work, const std::function<void()>& look = [] {});

}  // namespace mkcapture::init
