// The hardware watchdogs of this machine: /sys/class/watchdog (Documentation/ABI/testing/
// sysfs-class-watchdog), and what feeds /dev/watchdog outside of that class.
#pragma once

#include <string>
#include <vector>

#include "builder/host/device_drivers.h"
#include "builder/host/host.h"

namespace mkcapture {

struct HostWatchdog {
  std::string name;                   // "watchdog0"
  std::string identity;               // as its driver says: "iTCO_wdt"; may be empty
  std::vector<DeviceDriver> drivers;  // its own behind those of what it stands on
};

/// In the order in which their drivers are to be loaded; empty where there is none.
[[nodiscard]] std::vector<HostWatchdog> find_watchdogs(Host& host);

}  // namespace mkcapture
