// Drivers: from the targets to the modules of the image, each for a reason.
#pragma once

#include "builder/kernel/modprobe_d.h"
#include "builder/plan/plan.h"
#include "modules/kernel_tree.h"
#include "modules/module_sets.h"

namespace mkcapture {

/// Fills plan.drivers, plan.filesystems, plan.fed_watchdogs, each target's modules, autoload and
/// layers, and the programs that the sets name. `options` are the modules' own of this machine.
[[nodiscard]] Status plan_drivers(const Request& request, KernelTree& tree, const ModuleSets& sets,
                                  const ModprobeOptions& options, Plan& plan);

}  // namespace mkcapture
