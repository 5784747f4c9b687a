// Firmware: the files that the image's modules may ask for, as far as this machine has them.
#pragma once

#include "builder/plan/plan.h"

namespace mkcapture {

/// Fills plan.image.firmware. A file that a module names and the root does not have is a line in
/// plan.notes: drivers name files for every revision of their chip, and most are never asked for.
[[nodiscard]] Status plan_firmware(const Request& request, Host& host, Plan& plan);

}  // namespace mkcapture
