#include "init/devices/device_finder.h"

#include <algorithm>

#include "init/base/text.h"

namespace mkcapture::init {
namespace {

constexpr Milliseconds kRescan{1000};  // for a device whose event was lost, or that has none
constexpr std::uint64_t kSectorBytes =
    512;  // of /sys/class/block/*/size, whatever the device's own

/// What udev's links stand for, as there is no udev here: /dev/disk/by-uuid/X is UUID=X.
DeviceName without_links(const DeviceName& wanted) {
  struct Link {
    std::string_view prefix;
    DeviceName::By by;
  };
  constexpr Link kLinks[] = {{"/dev/disk/by-uuid/", DeviceName::By::kUuid},
                             {"/dev/disk/by-label/", DeviceName::By::kLabel},
                             {"/dev/disk/by-partuuid/", DeviceName::By::kPartUuid},
                             {"/dev/disk/by-partlabel/", DeviceName::By::kPartLabel}};
  if (wanted.by != DeviceName::By::kPath) return wanted;
  for (const auto& link : kLinks) {
    std::string_view value = wanted.value;
    if (consume(value, link.prefix)) return {link.by, std::string(value)};
  }
  return wanted;
}

bool matches(const BlockDevice& device, const DeviceName& wanted) {
  const auto& id = device.identity;
  switch (wanted.by) {
    case DeviceName::By::kPath:
      return device.path == wanted.value;
    case DeviceName::By::kUuid:
      return id.usage != "raid" && equal_ignoring_case(id.uuid, wanted.value);
    case DeviceName::By::kLabel:
      return id.usage != "raid" && id.label == wanted.value;
    case DeviceName::By::kPartUuid:
      return equal_ignoring_case(id.part_uuid, wanted.value);
    case DeviceName::By::kPartLabel:
      return id.part_label == wanted.value;
  }
  return false;
}

/// Whether `disk` has partitions: folders of its own in sysfs, with names that begin with its own.
bool has_partitions(System& system, const std::string& disk,
                    const std::vector<std::string>& sorted_names) {
  const auto first = std::upper_bound(sorted_names.begin(), sorted_names.end(), disk);
  return std::any_of(first, sorted_names.end(), [&](const std::string& name) {
    return name.starts_with(disk) &&
           system.exists("/sys/class/block/" + disk + "/" + name + "/partition");
  });
}

}  // namespace

std::string describe(const BlockDevice& device) {
  const auto& id = device.identity;
  std::string what = id.type;
  const auto add = [&what](std::string_view key, const std::string& value) {
    if (value.empty()) return;
    if (!what.empty()) what += ", ";
    what.append(key).append(value);
  };
  if (id.label.empty()) {
    add("UUID=", id.uuid);
  } else {
    add("LABEL=", id.label);
  }
  if (what.empty()) add("PARTLABEL=", id.part_label);
  return what.empty() ? device.name : device.name + " (" + what + ")";
}

DeviceFinder::DeviceFinder(System& system, BlockProber& prober, DeviceName wanted,
                           std::function<void(const Uevent&)> on_event)
    : system_(system),
      prober_(prober),
      wanted_(std::move(wanted)),
      looked_for_(without_links(wanted_)),
      on_event_(std::move(on_event)) {}

Result<BlockIdentity> DeviceFinder::look(const BlockDevice& device,
                                         const std::vector<std::string>& sorted_names) {
  using By = DeviceName::By;
  const auto& [by, value] = looked_for_;
  const bool named = by == By::kPath && value == device.path;
  if (!named && has_partitions(system_, device.name, sorted_names)) return BlockIdentity{};
  const bool by_partition = by == By::kPartUuid || by == By::kPartLabel;
  return prober_.probe(device.path, by_partition || named ? BlockProber::Tables::kRead
                                                          : BlockProber::Tables::kLeave);
}

void DeviceFinder::scan() {
  auto names = system_.list_dir("/sys/class/block").value_or({});
  std::sort(names.begin(), names.end());
  std::erase_if(devices_, [&](const auto& known) {
    return !std::binary_search(names.begin(), names.end(), known.first);
  });
  for (const auto& name : names) {
    const auto size = system_.read_file("/sys/class/block/" + name + "/size", 64);
    const auto sectors = size ? parse_number(trim(*size)) : Result<std::uint64_t>(0);
    if (!sectors || *sectors == 0) continue;  // no medium; an unused loop device
    const std::uint64_t bytes = *sectors * kSectorBytes;
    const auto known = devices_.find(name);
    if (known != devices_.end() && known->second.bytes == bytes) continue;
    BlockDevice device{name, "/dev/" + name, bytes, {}};
    // sysfs writes the '/' of a name such as cciss/c0d0 as '!'.
    std::replace(device.path.begin(), device.path.end(), '!', '/');
    auto identity = look(device, names);
    if (!identity) {
      failed_[name] = identity.error().message;
      continue;
    }
    failed_.erase(name);
    device.identity = *std::move(identity);
    devices_[name] = std::move(device);
  }
}

const BlockDevice* DeviceFinder::match() {
  const BlockDevice* first = nullptr;
  for (const auto& [name, device] : devices_) {
    if (!matches(device, looked_for_)) continue;
    if (first == nullptr) {
      first = &device;
    } else if (device.identity.type != "btrfs") {  // its devices share one UUID
      system_.log(to_string(looked_for_) + " is on " + name + ", too: " + first->name +
                  " is taken");
    }
  }
  return first;
}

std::string DeviceFinder::list() const {
  std::string text;
  for (const auto& [name, device] : devices_) {
    text += (text.empty() ? "" : ", ") + describe(device);
  }
  for (const auto& [name, why] : failed_) {
    text += (text.empty() ? "" : ", ") + name + " (" + why + ")";
  }
  return text.empty() ? "there is no block device at all" : "there are " + text;
}

void DeviceFinder::assemble_by(
    std::function<bool(const std::map<std::string, BlockDevice>&, const Deadline&)> step,
    std::function<std::string()> waiting_for) {
  assemble_ = std::move(step);
  waiting_for_ = std::move(waiting_for);
}

Result<BlockDevice> DeviceFinder::wait(const Deadline& deadline) {
  const auto started = system_.now();
  for (;;) {
    scan();
    if (const BlockDevice* device = match()) return *device;
    if (assemble_ && assemble_(devices_, deadline)) continue;  // each is made only once
    // Until an event of a block device, or for a second.
    const Deadline rescan = deadline.sooner(kRescan);
    while (!rescan.passed()) {
      const auto event = system_.wait_uevent(rescan.left());
      if (!event) break;
      on_event_(*event);
      if (event->get("SUBSYSTEM") == "block") {
        devices_.erase(std::string(event->get("DEVNAME")));  // its content may have changed
        break;
      }
    }
    if (deadline.passed()) break;
  }
  std::string missing = waiting_for_ ? waiting_for_() : std::string();
  if (!missing.empty()) missing += "; ";
  return fail("no device with " + to_string(wanted_) + " after " +
              format_duration(system_.now() - started) + "; " + missing + list());
}

}  // namespace mkcapture::init
