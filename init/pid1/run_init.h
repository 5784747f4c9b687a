// PID 1 of the capture kernel, from its start to the reboot.
#pragma once

#include <functional>

#include "init/pid1/watchdog_feeding.h"
#include "init/system/system.h"
#include "init/worker/save.h"

namespace mkcapture::init {

/// What is not the System's but the process's own (init_guard.h); the tests leave it empty.
struct InitHooks {
  std::function<Status()> open_console;
  std::function<void(Milliseconds)> limit;
  /// The worker's part.
  std::function<int(const SaveContext&)> save;
  /// The process that feeds the watchdogs; without it nothing looks for one.
  WatchdogFeeding::Keeper keep_watchdogs;
};

/// Returns only where System::end() does: in the tests.
void run_init(System& system, const InitHooks& hooks);

}  // namespace mkcapture::init
