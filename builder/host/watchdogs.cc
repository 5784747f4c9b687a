#include "builder/host/watchdogs.h"

namespace mkcapture {

namespace {

constexpr const char* kClass = "/sys/class/watchdog";

bool has_module(Host& host, const char* name) {
  return host.exists(std::string("/sys/module/") + name);
}

}  // namespace

std::vector<HostWatchdog> find_watchdogs(Host& host) {
  std::vector<HostWatchdog> found;
  for (const auto& name : host.list_dir(kClass).value_or({})) {
    const std::string folder = std::string(kClass) + "/" + name;
    HostWatchdog watchdog{name, fact(host, folder + "/identity"), {}};
    if (const auto device = host.real_path(folder)) watchdog.drivers = drivers_above(host, *device);
    // The timer that is no hardware stands below /sys/devices/virtual, without a driver.
    if (watchdog.drivers.empty() && has_module(host, "softdog"))
      watchdog.drivers.push_back({"softdog", "softdog", "", name});
    found.push_back(std::move(watchdog));
  }
  if (found.empty() && has_module(host, "ipmi_watchdog"))
    found.push_back({"watchdog",
                     "IPMI",
                     {{"ipmi_si", "ipmi_si", "", "watchdog"},
                      {"ipmi_watchdog", "ipmi_watchdog", "", "watchdog"}}});
  return found;
}

}  // namespace mkcapture
