// Network: which cards the image brings up and how, in names that the capture kernel will know.
#pragma once

#include "builder/plan/plan.h"

namespace mkcapture {

/// Fills plan.network, and for network targets `here`, `where` and `drivers`. Does nothing where no
/// target needs a network.
[[nodiscard]] Status plan_network(const Request& request, Host& host, Plan& plan);

}  // namespace mkcapture
