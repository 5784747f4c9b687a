#include "builder/host/block_stack.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "builder/host/locate.h"
#include "builder/host/mountinfo.h"
#include "builder/host/multipath.h"
#include "builder/host/storage_layers.h"
#include "init/base/units.h"

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

// "vg-var (dm-0)", "md0".
std::string name_of(Host& host, const std::string& folder) {
  std::string name = last_part(folder);
  if (!name.starts_with("dm-")) return name;
  return fmt::format("{} ({})", fact(host, folder + "/dm/name"), name);
}

// What a device below /sys/devices/virtual/block is that no image brings up.
std::string virtual_kind(Host& host, const std::string& folder) {
  const std::string name = last_part(folder);
  if (name.starts_with("dm-")) {
    const std::string uuid = fact(host, folder + "/dm/uuid");
    for (const auto& mapping : kMappings)
      if (uuid.starts_with(mapping.uuid_prefix)) return std::string(mapping.words);
    return "a device-mapper device";
  }
  for (const auto& kind : kVirtual)
    if (name.starts_with(kind.name_prefix)) return std::string(kind.words);
  return "a virtual device";
}

// Disks that are at the other end of a network, by the folders above them (kernel:
// scsi_transport_iscsi.c, drivers/scsi/fcoe/fcoe_sysfs.c).
std::string remote_kind(const std::string& folder) {
  if (folder.find("/session") != std::string::npos) return "an iSCSI disk";
  if (folder.find("/ctlr_") != std::string::npos) return "an FCoE disk";
  return "";
}

// The controllers of an NVMe disk: above it, or, where it has more than one path, linked to by the
// virtual nvme-subsystem that it is below.
std::vector<std::string> nvme_controllers(Host& host, const std::string& disk) {
  const std::string parent = disk.substr(0, disk.rfind('/'));
  if (disk.find("/nvme-subsystem/") == std::string::npos) return {parent};
  std::vector<std::string> controllers;
  for (const auto& name : host.list_dir(parent).value_or({})) {
    if (!name.starts_with("nvme") || name.find('n', 1) != std::string::npos) continue;
    if (auto controller = host.real_path(fmt::format("{}/{}", parent, name)))
      controllers.push_back(*controller);
  }
  return controllers;
}

// From a device down to its disks; each device once.
class StackReader {
 public:
  StackReader(Host& host, BlockStack& stack) : host_(host), stack_(stack) {}

  void read(const std::string& folder, std::size_t depth) {
    std::string disk = folder;
    if (host_.exists(disk + "/partition")) disk.resize(disk.rfind('/'));
    const bool is_virtual = disk.find("/virtual/block/") != std::string::npos;
    const bool is_lvm = fact(host_, disk + "/dm/uuid").starts_with("LVM-");
    const bool is_md = is_virtual && last_part(disk).starts_with("md");
    const auto paths = multipath_paths(host_, disk);
    if (depth > kMaxDepth) {
      refuse(disk, "a stack of too many layers");
    } else if (is_lvm) {
      read_layer(folder, disk, lvm_volume(host_, disk), depth);
    } else if (is_md) {
      read_layer(folder, disk, md_array(host_, disk), depth);
    } else if (paths) {
      read_paths(disk, *paths, depth);
    } else if (is_virtual) {
      refuse(disk, virtual_kind(host_, disk));
    } else {
      read_disk(folder, disk, depth);
    }
  }

 private:
  static constexpr std::size_t kMaxDepth = 8;

  void line(std::size_t depth, const std::string& text) {
    stack_.tree.push_back(std::string(2 * depth, ' ') + text);
  }

  void refuse(const std::string& folder, const std::string& kind) {
    if (!stack_.unsupported.empty()) return;
    stack_.unsupported = kind;
    stack_.culprit = name_of(host_, folder) + slaves_of(host_, folder);
  }

  // The capture kernel needs no map over them.
  void read_paths(const std::string& device, const std::vector<std::string>& paths,
                  std::size_t depth) {
    if (paths.empty()) refuse(device, "a multipath device without a path");
    line(depth, fmt::format("{}: multipath", name_of(host_, device)));
    for (const auto& path : paths)
      read(path, depth + 1);
  }

  void read_layer(const std::string& folder, const std::string& device, const FoundLayer& found,
                  std::size_t depth) {
    if (!found.unsupported.empty()) {
      refuse(device, found.unsupported);
      return;
    }
    line(depth, fmt::format("{}: {}", folder == device ? name_of(host_, device) : last_part(folder),
                            found.words));
    for (const auto& below : found.below)
      read(below, depth + 1);
    for (const auto& beside : found.beside)
      read_beside(beside);
    const auto& layers = stack_.layers;
    if (std::find(layers.begin(), layers.end(), found.layer) != layers.end()) return;
    stack_.layers.push_back(found.layer);
    auto& modules = stack_.modules;
    for (const auto& module : found.modules)
      if (std::find(modules.begin(), modules.end(), module) == modules.end())
        modules.push_back(module);
  }

  // A PV that the volume may be grown onto: its drivers are taken along where it can be brought up.
  void read_beside(const std::string& folder) {
    BlockStack other;
    StackReader(host_, other).read(folder, 1);
    if (!other.unsupported.empty()) return;
    merge_drivers(stack_.drivers, std::move(other.drivers));
    for (auto& layer : other.layers)
      if (std::find(stack_.layers.begin(), stack_.layers.end(), layer) == stack_.layers.end())
        stack_.layers.push_back(std::move(layer));
    for (auto& module : other.modules)
      if (std::find(stack_.modules.begin(), stack_.modules.end(), module) == stack_.modules.end())
        stack_.modules.push_back(std::move(module));
  }

  void read_disk(const std::string& folder, const std::string& disk, std::size_t depth) {
    std::string words = last_part(folder);
    std::string kind = remote_kind(disk);
    if (last_part(disk).starts_with("nvme")) {
      for (const auto& controller : nvme_controllers(host_, disk)) {
        const std::string transport = fact(host_, controller + "/transport");
        if (transport == "tcp") {
          auto found = nvme_tcp_disk(host_, controller);
          if (!found.unsupported.empty()) kind = found.unsupported;
          words += ": " + found.words;
          stack_.servers.emplace_back(nvme_option(found.layer.name, "traddr"));
          stack_.layers.push_back(std::move(found.layer));
          stack_.modules.insert(stack_.modules.end(), found.modules.begin(), found.modules.end());
        } else if (!transport.empty() && transport != "pcie") {
          kind = fmt::format("an NVMe disk over fabrics ({})", transport);
        }
        merge_drivers(stack_.drivers, drivers_above(host_, controller));
      }
    }
    if (disk.find("/nvme-subsystem/") == std::string::npos)
      merge_drivers(stack_.drivers, drivers_above(host_, disk));
    line(depth, words);
    if (!kind.empty()) refuse(disk, kind);
  }

  Host& host_;
  BlockStack& stack_;
};

// The mounted file system of this machine with the most room that an image can bring up, as a
// target; empty where there is none.
std::string file_system_that_would_do(Host& host) {
  std::string best;
  std::uint64_t most = 0;
  for (const auto& mount : parse_mountinfo(host.read_file("/proc/self/mountinfo").value_or(""))) {
    if (!is_supported_filesystem(mount.type)) continue;
    std::optional<DeviceNumber> number = mount.device;
    if (mount.device.major == 0) number = host.block_device(mount.source);  // btrfs
    if (!number) continue;
    const auto stack = block_stack(host, *number);
    const auto free = host.free_bytes(mount.point);
    if (!stack || !stack->unsupported.empty() || !free || *free <= most) continue;
    const auto folder = host.real_path("/sys/dev/block/" + to_string(*number));
    if (!folder) continue;
    const BlockTags tags = host.probe("/dev/" + last_part(*folder));
    if (tags.uuid.empty()) continue;
    most = *free;
    best = fmt::format(
        "--target disk:UUID={}:{} ({} on {} at {}, with {} free)", tags.uuid,
        path_in_filesystem(mount, mount.point == "/" ? "/crash" : mount.point + "/crash"),
        mount.type, stack->words, mount.point, format_size(*free));
  }
  return best;
}

}  // namespace

Result<BlockStack> block_stack(Host& host, DeviceNumber device) {
  auto folder = host.real_path("/sys/dev/block/" + to_string(device));
  if (!folder) return fail(fmt::format("/sys knows no block device {}", to_string(device)));
  BlockStack stack;
  stack.words = name_of(host, *folder) + slaves_of(host, *folder);
  StackReader(host, stack).read(*folder, 0);
  if (stack.layers.empty()) stack.tree.clear();
  return stack;
}

std::string unsupported_words(Host& host, const BlockStack& stack) {
  const std::string would_do = file_system_that_would_do(host);
  return fmt::format("{} is {}, which a capture image cannot bring up; give {}nfs:// or ssh://",
                     stack.culprit, stack.unsupported,
                     would_do.empty()
                         ? "a plain partition with a file system (--target disk:UUID=...:/PATH), a "
                           "raw partition (--target raw:DEVICE), "
                         : would_do + ", ");
}

}  // namespace mkcapture
