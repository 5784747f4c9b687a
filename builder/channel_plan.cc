#include "builder/channel_plan.h"

#include <fmt/format.h>

#include <algorithm>

namespace mkcapture {

namespace {

using capture::ChannelSpec;

void add_new(std::vector<ChannelSpec>& into, ChannelSpec channel) {
  if (std::find(into.begin(), into.end(), channel) == into.end())
    into.push_back(std::move(channel));
}

// A network adapter's three channels, by the links of its group.
ChannelSpec group_of(Host& host, const std::string& id) {
  ChannelSpec group;
  for (const char* link : {"cdev0", "cdev1", "cdev2"})
    if (const auto channel = host.real_path("/sys/bus/ccwgroup/devices/" + id + "/" + link))
      group.ids.push_back(last_part(*channel));
  return group;
}

// The disk behind an FCP adapter; only the adapter where /sys does not tell.
ChannelSpec fcp_disk(Host& host, const std::string& adapter,
                     const std::vector<DeviceDriver>& drivers) {
  ChannelSpec disk{{adapter}, "", ""};
  for (const auto& driver : drivers) {
    if (driver.driver != "sd") continue;
    const std::string folder = "/sys/bus/scsi/devices/" + driver.device + "/";
    disk.wwpn = fact(host, folder + "wwpn");
    disk.lun = fact(host, folder + "fcp_lun");
  }
  const auto checked = capture::parse_channel(to_string(disk));
  return checked ? *checked : ChannelSpec{{adapter}, "", ""};
}

}  // namespace

std::vector<ChannelSpec> channels_of(Host& host, const std::vector<DeviceDriver>& drivers) {
  std::vector<ChannelSpec> channels;
  for (const auto& driver : drivers) {
    // The subchannel is the way to the device, and has an ID of the same form.
    if (!capture::is_channel_id(driver.device) || driver.driver == "io_subchannel") continue;
    ChannelSpec channel{{driver.device}, "", ""};
    if (driver.driver == "qeth") channel = group_of(host, driver.device);
    if (driver.driver == "zfcp") channel = fcp_disk(host, driver.device, drivers);
    if (capture::parse_channel(to_string(channel))) add_new(channels, std::move(channel));
  }
  return channels;
}

Status plan_channels(const Request& request, Host& host, Plan& plan) {
  if (!plan.profile.channel_devices) {
    if (request.channel.empty()) return {};
    return usage_error(request.channel.front().origin,
                       fmt::format("{} has no channel devices", plan.profile.name));
  }
  bool all_known = !plan.targets.empty();
  for (std::size_t i = 0; i < plan.targets.size(); ++i) {
    auto& target = plan.targets[i];
    if (plan.this_machine && target.here) target.channels = channels_of(host, target.drivers);
    for (const auto& channel : request.channel)
      add_new(target.channels, channel.value);
    plan.image.config.targets[i].channels = target.channels;
    if (!target.channels.empty()) continue;
    all_known = false;
    plan.notes.push_back(fmt::format(
        "{}: its channel devices are not known (--channel), so the capture kernel looks at all",
        to_string(target.spec)));
  }
  plan.other_channels_hidden = all_known;
  return {};
}

}  // namespace mkcapture
