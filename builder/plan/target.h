// Targets: from what was asked for to what /init will look for, and where it is on this machine.
#pragma once

#include "builder/plan/plan.h"

namespace mkcapture {

/// Fills plan.targets. Names that follow probe order become UUIDs where they can; device stacks
/// that no image can bring up are errors.
[[nodiscard]] Status plan_targets(const Request& request, Host& host, Plan& plan);

}  // namespace mkcapture
