#include "builder/host/locate.h"

#include <fmt/format.h>

#include <algorithm>

#include "builder/host/block_stack.h"
#include "builder/host/mountinfo.h"
#include "init/base/text.h"
#include "init/base/units.h"

namespace mkcapture {

namespace {

constexpr std::string_view kDumpDirectory = "/var/crash";
constexpr std::string_view kWhatToPass =
    "pass --target disk:UUID=...:/PATH, nfs://... or ssh://...";

// The folder of udev's links for a kind of name, or null.
const char* link_folder(DeviceName::By by) {
  switch (by) {
    case DeviceName::By::kUuid:
      return "/dev/disk/by-uuid";
    case DeviceName::By::kLabel:
      return "/dev/disk/by-label";
    case DeviceName::By::kPartUuid:
      return "/dev/disk/by-partuuid";
    case DeviceName::By::kPartLabel:
      return "/dev/disk/by-partlabel";
    case DeviceName::By::kPath:
      break;
  }
  return nullptr;
}

// udev writes what may not stand in a file name as \xHH (udev_util_encode_string).
std::string udev_encode(std::string_view text) {
  std::string encoded;
  for (const unsigned char c : text) {
    const bool plain =
        (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
        std::string_view("#+-.:=@_").find(static_cast<char>(c)) != std::string_view::npos ||
        c >= 0x80;
    encoded += plain ? std::string(1, static_cast<char>(c)) : fmt::format("\\x{:02x}", c);
  }
  return encoded;
}

std::string udev_decode(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text.substr(i, 2) == "\\x" && i + 3 < text.size()) {
      if (const auto code = parse_number(text.substr(i + 2, 2), 16)) {
        plain += static_cast<char>(*code);
        i += 3;
        continue;
      }
    }
    plain += text[i];
  }
  return plain;
}

// The name of a link in `folder` that leads to the device.
std::string link_to(Host& host, const char* folder, DeviceNumber number) {
  const auto names = host.list_dir(folder);
  if (!names) return "";
  for (const auto& name : *names)
    if (host.block_device(fmt::format("{}/{}", folder, name)) == number) return udev_decode(name);
  return "";
}

const std::string& tag_of(const BlockTags& tags, DeviceName::By by) {
  switch (by) {
    case DeviceName::By::kUuid:
      return tags.uuid;
    case DeviceName::By::kLabel:
      return tags.label;
    case DeviceName::By::kPartUuid:
      return tags.partuuid;
    default:
      return tags.partlabel;
  }
}

// UUIDs are written in either case.
bool same_tag(std::string_view tag, const DeviceName& name) {
  const bool uuid = name.by == DeviceName::By::kUuid || name.by == DeviceName::By::kPartUuid;
  return uuid ? equal_ignoring_case(tag, name.value) : tag == name.value;
}

// Without udev's links: every block device is probed. A leg of an LVM mirror and a path of a
// multipath device show the same file system as what is made of them, and come after it.
std::optional<LocatedDevice> search_all(Host& host, const DeviceName& name) {
  std::optional<LocatedDevice> part;
  for (const auto& block : host.list_dir("/sys/class/block").value_or({})) {
    const std::string folder = "/sys/class/block/" + block;
    const auto number = parse_device_number(fact(host, folder + "/dev"));
    if (!number) continue;
    LocatedDevice device = describe_device(host, *number);
    if (!same_tag(tag_of(device.tags, name.by), name)) continue;
    if (host.list_dir(folder + "/holders").value_or({}).empty()) return device;
    if (!part) part = std::move(device);
  }
  return part;
}

// `path` with links resolved as far as it exists.
std::string resolved(Host& host, const std::string& path) {
  std::string rest;
  for (std::string at = path; !at.empty(); at.resize(at.rfind('/'))) {
    if (const auto real = host.real_path(at)) return *real == "/" ? "/" + rest : *real + rest;
    rest = at.substr(at.rfind('/')) + rest;
  }
  return path;
}

Error no_default(const std::string& why) {
  return usage_error(fmt::format("no --target given, and {} cannot serve", kDumpDirectory),
                     fmt::format("{}; {}", why, kWhatToPass));
}

// A network file system as the target that would write to the same place.
Error network_default(const Mount& mount, const std::string& path) {
  if (mount.type == "virtiofs")
    return usage_error(
        fmt::format("no --target given, and {} is on a share of the virtual "
                    "machine's host",
                    kDumpDirectory),
        fmt::format("pass --target virtiofs:{}:{}", mount.source, path_in_filesystem(mount, path)));
  if (!mount.type.starts_with("nfs"))
    return no_default(fmt::format("it is on {} ({})", mount.type, mount.source));
  const auto colon = mount.source.rfind(":/");
  if (colon == std::string::npos) return no_default("it is on NFS");
  std::string below = path.substr(mount.point == "/" ? 0 : mount.point.size());
  return usage_error(fmt::format("no --target given, and {} is on NFS", kDumpDirectory),
                     fmt::format("pass --target nfs://{}{}{}", mount.source.substr(0, colon),
                                 mount.source.substr(colon + 1), below));
}

}  // namespace

bool is_supported_filesystem(std::string_view type) {
  return type == "ext2" || type == "ext3" || type == "ext4" || type == "xfs" || type == "btrfs" ||
         type == "vfat";
}

LocatedDevice describe_device(Host& host, DeviceNumber number) {
  LocatedDevice device{number, "", {}};
  const std::string folder = "/sys/dev/block/" + to_string(number);
  if (const auto real = host.real_path(folder)) {
    std::string below = last_part(*real);
    std::replace(below.begin(), below.end(), '!', '/');  // as /sys writes cciss/c0d0
    device.node = "/dev/" + below;
  }
  device.tags = host.probe(device.node);
  if (device.tags.uuid.empty()) device.tags.uuid = link_to(host, "/dev/disk/by-uuid", number);
  if (device.tags.partuuid.empty())
    device.tags.partuuid = link_to(host, "/dev/disk/by-partuuid", number);
  if (device.tags.type.empty()) {  // a mounted one needs no probing
    const auto text = host.read_file("/proc/self/mountinfo");
    for (const auto& mount : parse_mountinfo(text ? *text : ""))
      if (mount.device == number) device.tags.type = mount.type;
  }
  return device;
}

std::optional<LocatedDevice> locate(Host& host, const DeviceName& name) {
  if (name.by == DeviceName::By::kPath) {
    const auto number = host.block_device(name.value);
    if (!number) return std::nullopt;
    return describe_device(host, *number);
  }
  const char* folder = link_folder(name.by);
  const std::string link = fmt::format("{}/{}", folder, udev_encode(name.value));
  if (const auto number = host.block_device(link)) return describe_device(host, *number);
  const auto links = host.list_dir(folder).value_or({});
  for (const auto& other : links) {  // a UUID in another case than udev's
    if (!same_tag(udev_decode(other), name)) continue;
    if (const auto number = host.block_device(fmt::format("{}/{}", folder, other)))
      return describe_device(host, *number);
  }
  return search_all(host, name);
}

Result<TargetSpec> default_target(Host& host) {
  const auto text = host.read_file("/proc/self/mountinfo");
  if (!text) return no_default(text.error().message);
  const std::string path = resolved(host, std::string(kDumpDirectory));
  const auto mounts = parse_mountinfo(*text);
  const Mount* mount = mount_of(mounts, path);
  if (mount == nullptr) return no_default("no mount holds it");
  if (!is_supported_filesystem(mount->type)) return network_default(*mount, path);

  std::optional<DeviceNumber> number = mount->device;
  if (mount->device.major == 0) number = host.block_device(mount->source);  // btrfs
  if (!number) return no_default(fmt::format("its device {} is not there", mount->source));
  auto stack = block_stack(host, *number);
  if (!stack) return no_default(stack.error().message);
  if (!stack->unsupported.empty()) return no_default(unsupported_words(host, *stack));

  const LocatedDevice device = describe_device(host, *number);
  if (device.tags.uuid.empty())
    return no_default(fmt::format("the UUID of {} cannot be read", device.node));
  return TargetSpec(
      DiskSpec{{DeviceName::By::kUuid, device.tags.uuid}, path_in_filesystem(*mount, path)});
}

}  // namespace mkcapture
