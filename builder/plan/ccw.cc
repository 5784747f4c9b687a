#include "builder/plan/ccw.h"

#include <fmt/format.h>

#include <algorithm>

namespace mkcapture {

namespace {

void add_new(std::vector<CcwDevice>& into, CcwDevice channel) {
  if (std::find(into.begin(), into.end(), channel) == into.end())
    into.push_back(std::move(channel));
}

// A network adapter's three ccw_devices, by the links of its group.
CcwDevice group_of(Host& host, const std::string& id) {
  CcwDevice group;
  for (const char* link : {"cdev0", "cdev1", "cdev2"})
    if (const auto channel = host.real_path("/sys/bus/ccwgroup/devices/" + id + "/" + link))
      group.ids.push_back(last_part(*channel));
  return group;
}

// The disk behind an FCP adapter; only the adapter where /sys does not tell.
CcwDevice fcp_disk(Host& host, const std::string& adapter,
                   const std::vector<DeviceDriver>& drivers) {
  CcwDevice disk{{adapter}, "", ""};
  for (const auto& driver : drivers) {
    if (driver.driver != "sd") continue;
    const std::string folder = "/sys/bus/scsi/devices/" + driver.device + "/";
    disk.wwpn = fact(host, folder + "wwpn");
    disk.lun = fact(host, folder + "fcp_lun");
  }
  const auto checked = parse_ccw_device(to_string(disk));
  return checked ? *checked : CcwDevice{{adapter}, "", ""};
}

}  // namespace

std::vector<CcwDevice> ccw_devices_of(Host& host, const std::vector<DeviceDriver>& drivers) {
  std::vector<CcwDevice> ccw_devices;
  for (const auto& driver : drivers) {
    // The subchannel is the way to the device, and has an ID of the same form.
    if (!is_ccw_id(driver.device) || driver.driver == "io_subchannel") continue;
    CcwDevice channel{{driver.device}, "", ""};
    if (driver.driver == "qeth") channel = group_of(host, driver.device);
    if (driver.driver == "zfcp") channel = fcp_disk(host, driver.device, drivers);
    if (parse_ccw_device(to_string(channel))) add_new(ccw_devices, std::move(channel));
  }
  return ccw_devices;
}

Status plan_ccw_devices(const Request& request, Host& host, Plan& plan) {
  if (!plan.profile.ccw_devices) {
    if (request.channel.empty()) return {};
    return usage_error(request.channel.front().origin,
                       fmt::format("{} has no channel devices", plan.profile.name));
  }
  bool all_known = !plan.targets.empty();
  for (auto& target : plan.targets) {
    if (plan.this_machine && target.here) target.ccw_devices = ccw_devices_of(host, target.drivers);
    for (const auto& channel : request.channel)
      add_new(target.ccw_devices, channel.value);
    if (!target.ccw_devices.empty()) continue;
    all_known = false;
    plan.notes.push_back(fmt::format(
        "{}: its channel devices are not known (--channel), so the capture kernel looks at all",
        to_string(target.spec)));
  }
  plan.other_ccw_devices_hidden = all_known;
  return {};
}

}  // namespace mkcapture
