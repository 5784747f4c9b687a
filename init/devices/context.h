// What a worker's parts are given: the way to the kernel, the configuration, the place to say what
// they do, and the modules. One per worker, handed on by value.
#pragma once

#include <string>
#include <vector>

#include "init/contract/capture_config.h"
#include "init/devices/module_loader.h"
#include "init/system/steps.h"
#include "init/system/system.h"

namespace mkcapture::init {

/// What everything that a worker does has at hand.
struct CaptureContext {
  System& system;
  const CaptureConfig& config;
  StepReporter& steps;
  ModuleLoader& modules;
  /// Block devices that another try has failed on: another path to the same disk is taken.
  std::vector<std::string> passed_over = {};
  /// The living machine's (init/check/): no interface is touched.
  bool network_is_up = false;
};

}  // namespace mkcapture::init
