// The targets, in order, and again in order while there is time: a controller or a switch may need
// minutes after a crash, and a path may fail while it is written to.
#pragma once

#include "init/contract/capture_config.h"
#include "init/pid1/run_init.h"
#include "init/system/system.h"

namespace mkcapture::init {

/// A round takes at least so long: what fails at once is not tried in a loop.
inline constexpr Milliseconds kLeastRound{10'000};

/// Until one target has the dump, or none is worth another try (again.h), or the deadline is too
/// near for one. Each target that was tried then has exactly one verdict; a try that was not the
/// last one has its line, "not yet ...". `look` is called at least every second; `goes_on`: a
/// target is open and may exceed the deadline (CaptureConfig::deadline_extends).
[[nodiscard]] bool try_targets(System& system, const CaptureConfig& config,
                               const Deadline& deadline, const InitHooks& hooks,
                               const std::function<void(bool goes_on)>& look);

}  // namespace mkcapture::init
