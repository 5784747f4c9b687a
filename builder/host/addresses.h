// The addresses of this machine's interfaces, by rtnetlink(7): the only place that says whether an
// address was set for good or leased.
#pragma once

#include <string>
#include <vector>

#include "builder/host/host.h"

namespace mkcapture {

/// IPv4 addresses of an interface; empty where it has none or the kernel cannot be asked.
[[nodiscard]] std::vector<InterfaceAddress> interface_addresses(const std::string& interface);

}  // namespace mkcapture
