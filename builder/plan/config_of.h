// What the image is told: one projection of the plan, and the only writer of a CaptureConfig in the
// builder. A step that has something for /init puts it into the plan, and here is where it leaves
// it.
#pragma once

#include "builder/plan/plan.h"
#include "init/contract/capture_config.h"

namespace mkcapture {

/// etc/capture.conf of a plan that make_plan() has finished. Nothing is decided or read here.
[[nodiscard]] CaptureConfig config_of(const Plan& plan);

/// The same for this machine while it lives (`mkcapture check`): devices go by the name that they
/// have here, and nothing is loaded, assembled or set online.
[[nodiscard]] CaptureConfig config_of_living(const Plan& plan, Host& host);

}  // namespace mkcapture
