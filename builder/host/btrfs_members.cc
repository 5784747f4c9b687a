#include "builder/host/btrfs_members.h"

#include "builder/host/device_drivers.h"

namespace mkcapture {

std::vector<DeviceNumber> btrfs_members(Host& host, const std::string& uuid) {
  std::vector<DeviceNumber> members;
  const std::string folder = "/sys/fs/btrfs/" + uuid + "/devices";
  if (const auto names = host.list_dir(folder)) {
    for (const auto& name : *names)
      if (const auto number = parse_device_number(fact(host, folder + "/" + name + "/dev")))
        members.push_back(*number);
    return members;
  }
  const auto names = host.list_dir("/sys/class/block").value_or({});
  for (const auto& name : names) {
    const auto number = parse_device_number(fact(host, "/sys/class/block/" + name + "/dev"));
    if (!number) continue;
    const BlockTags tags = host.probe("/dev/" + name);
    if (tags.type == "btrfs" && tags.uuid == uuid) members.push_back(*number);
  }
  return members;
}

}  // namespace mkcapture
