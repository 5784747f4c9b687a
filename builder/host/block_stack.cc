#include "builder/host/block_stack.h"

#include <fmt/format.h>

#include <string_view>

namespace mkcapture {

namespace {

// How dm/uuid begins says who made the mapping (lvm2, cryptsetup, multipath-tools, kpartx).
struct Mapping {
  std::string_view uuid_prefix;
  std::string_view words;
};
constexpr Mapping kMappings[] = {
    {"LVM-", "an LVM volume"},
    {"CRYPT-", "an encrypted (LUKS) device"},
    {"mpath-", "a multipath device"},
    {"DMRAID-", "a firmware RAID array"},
    {"part", "a device-mapper partition"},
    {"VDO-", "a VDO volume"},
    {"stratis-", "a Stratis pool"},
};

struct Virtual {
  std::string_view name_prefix;
  std::string_view words;
};
constexpr Virtual kVirtual[] = {
    {"md", "an md array"},
    {"bcache", "a bcache device"},
    {"loop", "a loop device"},
    {"zram", "a zram device"},
    {"ram", "a RAM disk"},
    {"drbd", "a DRBD device"},
    {"nbd", "a network block device"},
    {"rbd", "a Ceph block device"},
    {"zd", "a ZFS volume"},
};

std::string slaves_of(Host& host, const std::string& folder) {
  const auto slaves = host.list_dir(folder + "/slaves");
  if (!slaves || slaves->empty()) return "";
  return fmt::format(" on {}", fmt::join(*slaves, ", "));
}

// `folder`: of a device below /sys/devices/virtual/block.
BlockStack virtual_stack(Host& host, const std::string& folder) {
  const std::string name = last_part(folder);
  BlockStack stack;
  stack.unsupported = "a virtual device";
  if (name.starts_with("dm-")) {
    stack.unsupported = "a device-mapper device";
    const std::string uuid = fact(host, folder + "/dm/uuid");
    for (const auto& mapping : kMappings)
      if (uuid.starts_with(mapping.uuid_prefix)) stack.unsupported = mapping.words;
    stack.words = fmt::format("{} ({})", fact(host, folder + "/dm/name"), name);
  } else {
    for (const auto& kind : kVirtual)
      if (name.starts_with(kind.name_prefix)) {
        stack.unsupported = kind.words;
        break;
      }
    if (const std::string level = fact(host, folder + "/md/level"); !level.empty())
      stack.unsupported += fmt::format(" ({})", level);
    stack.words = name;
  }
  stack.words += slaves_of(host, folder);
  return stack;
}

// The controllers of an NVMe disk with more than one path: its folder is below the virtual
// nvme-subsystem, which links to them.
std::vector<DeviceDriver> nvme_drivers(Host& host, const std::string& subsystem) {
  std::vector<DeviceDriver> drivers;
  const auto names = host.list_dir(subsystem);
  if (!names) return drivers;
  for (const auto& name : *names) {
    if (!name.starts_with("nvme") || name.find('n', 1) != std::string::npos) continue;
    if (const auto controller = host.real_path(fmt::format("{}/{}", subsystem, name)))
      merge_drivers(drivers, drivers_above(host, *controller));
  }
  return drivers;
}

}  // namespace

Result<BlockStack> block_stack(Host& host, DeviceNumber device) {
  auto folder = host.real_path("/sys/dev/block/" + to_string(device));
  if (!folder) return fail(fmt::format("/sys knows no block device {}", to_string(device)));
  std::string disk = *folder;
  if (host.exists(disk + "/partition")) disk.resize(disk.rfind('/'));
  if (disk.find("/virtual/block/") != std::string::npos) return virtual_stack(host, disk);

  BlockStack stack;
  stack.words = last_part(*folder);
  const auto subsystem = disk.find("/nvme-subsystem/");
  if (subsystem != std::string::npos) {
    stack.drivers = nvme_drivers(host, disk.substr(0, disk.rfind('/')));
  } else {
    stack.drivers = drivers_above(host, disk);
  }
  return stack;
}

std::string unsupported_words(const BlockStack& stack) {
  return fmt::format(
      "{} is {}, which a capture image cannot bring up; give a plain partition with a file system "
      "(--target disk:UUID=...:/PATH), a raw partition (--target raw:DEVICE), nfs:// or ssh://",
      stack.words, stack.unsupported);
}

}  // namespace mkcapture
