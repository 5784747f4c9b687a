// The kernel's configuration, where the tree has no file of it.
#pragma once

#include "builder/plan/plan.h"

namespace mkcapture {

/// Fills plan.kernel.config and config_path where they are empty: from /proc/config.gz, where the
/// kernel is the running one of this machine, else from the kernel's image (CONFIG_IKCONFIG). Both
/// may be absent: then it stays unknown.
void find_kernel_config(Host& host, Plan& plan);

}  // namespace mkcapture
