#include "builder/host/watchdogs.h"

namespace mkcapture {

namespace {

constexpr const char* kClass = "/sys/class/watchdog";

bool has_module(Host& host, const char* name) {
  return host.exists(std::string("/sys/module/") + name);
}

// Drivers of the ways to a management controller, as the kernel's buses list their devices.
constexpr const char* kIpmiInterfaces[] = {
    "/sys/bus/platform/drivers/ipmi_si", "/sys/bus/pci/drivers/ipmi_si",
    "/sys/bus/i2c/drivers/ipmi_ssif", "/sys/bus/platform/drivers/ipmi-powernv"};

// The management controller's watchdog stands on no device of its own.
HostWatchdog ipmi_watchdog(Host& host) {
  HostWatchdog found{"watchdog", "IPMI", {}};
  for (const auto& interface : kIpmiInterfaces)
    for (const auto& name : host.list_dir(interface).value_or({}))
      if (const auto device = host.real_path(std::string(interface) + "/" + name);
          device && device->starts_with("/sys/devices/"))
        merge_drivers(found.drivers, drivers_above(host, *device));
  if (found.drivers.empty()) found.drivers.push_back({"ipmi_si", "ipmi_si", "", "watchdog"});
  found.drivers.push_back({"ipmi_watchdog", "ipmi_watchdog", "", "watchdog"});
  return found;
}

}  // namespace

std::vector<HostWatchdog> find_watchdogs(Host& host) {
  std::vector<HostWatchdog> found;
  // First: its driver has but the node /dev/watchdog, which the first of the others takes as well.
  if (has_module(host, "ipmi_watchdog")) found.push_back(ipmi_watchdog(host));
  for (const auto& name : host.list_dir(kClass).value_or({})) {
    const std::string folder = std::string(kClass) + "/" + name;
    HostWatchdog watchdog{name, fact(host, folder + "/identity"), {}};
    if (const auto device = host.real_path(folder)) watchdog.drivers = drivers_above(host, *device);
    // The timer that is no hardware stands below /sys/devices/virtual, without a driver.
    if (watchdog.drivers.empty() && has_module(host, "softdog"))
      watchdog.drivers.push_back({"softdog", "softdog", "", name});
    found.push_back(std::move(watchdog));
  }
  return found;
}

}  // namespace mkcapture
