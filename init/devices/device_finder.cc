#include "init/devices/device_finder.h"

#include <algorithm>

#include "init/base/text.h"
#include "init/contract/lvm_metadata.h"
#include "init/devices/disk_paths.h"

namespace mkcapture::init {
namespace {

constexpr Milliseconds kRescan{1000};  // for a device whose event was lost, or that has none
/// Of /sys/class/block/*/size, whatever the device's own.
constexpr std::uint64_t kSectorBytes = 512;
constexpr std::size_t kMaxUeventFile = 4096;
constexpr int kMostQueuedEvents = 4096;  // where they come faster than they are read

/// udev writes what may not stand in a file name as \xHH.
std::string without_escapes(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto code = text.substr(i, 2) == "\\x" && i + 3 < text.size()
                          ? parse_number(text.substr(i + 2, 2), 16)
                          : Result<std::uint64_t>(fail(""));
    if (code) i += 3;
    plain += code ? static_cast<char>(*code) : text[i];
  }
  return plain;
}

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
    if (consume(value, link.prefix)) return {link.by, without_escapes(value)};
  }
  return wanted;
}

/// A line KEY=VALUE of the device's uevent file: what the kernel knows of a partition
/// (part_uevent() in block/partitions/core.c). Empty where it says nothing.
std::string uevent_value(System& system, const std::string& name, std::string_view key) {
  const auto text = system.read_file("/sys/class/block/" + name + "/uevent", kMaxUeventFile);
  if (!text) return {};
  for (auto line : split(*text, '\n')) {
    if (consume(line, key) && consume(line, "=")) return std::string(line);
  }
  return {};
}

/// "/dev/mapper/VG-LV" for /dev/VG/LV; another path as it is.
std::string mapper_path(const std::string& path) {
  const auto parts = split(path, '/');
  if (parts.size() != 4 || parts[1] != "dev" || parts[2] == "mapper") return path;
  return "/dev/mapper/" + lvm_mapper_name(parts[2], parts[3]);
}

bool matches_name(const BlockDevice& device, const DeviceName& wanted, const std::string& mapped) {
  const auto& id = device.identity;
  switch (wanted.by) {
    case DeviceName::By::kPath:
      return device.path == wanted.value || (!device.mapped.empty() && device.mapped == mapped);
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
                           std::function<void(const Uevent&)> on_event,
                           std::vector<std::string> passed_over)
    : system_(system),
      wanted_(std::move(wanted)),
      looked_for_(without_links(wanted_)),
      mapped_(mapper_path(looked_for_.value)),
      on_event_(std::move(on_event)),
      passed_over_(std::move(passed_over)),
      probes_(system, prober) {}

bool DeviceFinder::worth_probing(const BlockDevice& device,
                                 const std::vector<std::string>& sorted_names) {
  using By = DeviceName::By;
  const auto& [by, value] = looked_for_;
  if (by == By::kPath && matches_name(device, looked_for_, mapped_)) return true;
  // What is on a RAID's leg or in a thin pool looks like what the volume holds.
  if (!device.mapped.empty()) {
    const auto holders = system_.list_dir("/sys/class/block/" + device.name + "/holders");
    if (holders && !holders->empty()) return false;
  }
  if (by == By::kPath && !assemble_) return false;
  if (has_partitions(system_, device.name, sorted_names)) return false;
  if (assemble_ || by == By::kUuid || by == By::kLabel) return true;
  if (!system_.exists("/sys/class/block/" + device.name + "/partition")) return false;
  if (by == By::kPartUuid) {  // in the uevent since 6.11
    const std::string told = uevent_value(system_, device.name, "PARTUUID");
    return told.empty() || equal_ignoring_case(told, value);
  }
  // The kernel writes '!' for what is not ASCII.
  const std::string told = uevent_value(system_, device.name, "PARTNAME");
  const bool plain = all_of(value, [](char c) { return c >= ' ' && c < 0x7f; });
  return told.empty() || !plain || told == value;
}

/// Whether a block device is to be looked at anew.
bool DeviceFinder::take_event(const Uevent& event) {
  on_event_(event);
  if (event.get("SUBSYSTEM") != "block") return false;
  const std::string name(event.get("DEVNAME"));
  devices_.erase(name);  // its content may have changed
  asked_.erase(name);
  return true;
}

/// What is queued before a look must not have it done twice: drivers that were just loaded have
/// told of every device that there is.
void DeviceFinder::take_queued_events() {
  for (int i = 0; i < kMostQueuedEvents; ++i) {
    const auto event = system_.wait_uevent(Milliseconds(0));
    if (!event) return;
    (void)take_event(*event);
  }
}

void DeviceFinder::scan() {
  using By = DeviceName::By;
  take_queued_events();
  auto names = system_.list_dir("/sys/class/block").value_or({});
  std::sort(names.begin(), names.end());
  const auto gone = [&](const auto& known) {
    return !std::binary_search(names.begin(), names.end(), known.first);
  };
  std::erase_if(devices_, gone);
  std::erase_if(asked_, gone);
  std::erase_if(failed_, gone);
  for (const auto& name : names) {
    const auto size = system_.read_file("/sys/class/block/" + name + "/size", 64);
    const auto sectors = size ? parse_number(trim(*size)) : Result<std::uint64_t>(0);
    if (!sectors || *sectors == 0) continue;  // no medium; an unused loop device
    const std::uint64_t bytes = *sectors * kSectorBytes;
    const auto known = devices_.find(name);
    if (known != devices_.end() && known->second.bytes == bytes) continue;
    const auto asked = asked_.find(name);
    if (asked != asked_.end() && asked->second.device.bytes == bytes) continue;
    const auto failed = failed_.find(name);
    if (failed != failed_.end() && system_.now() - failed->second.when < kRescan) continue;
    BlockDevice device{name, "/dev/" + name, bytes, {}, {}};
    if (name.starts_with("dm-")) {
      const auto mapping = system_.read_file("/sys/class/block/" + name + "/dm/name", 512);
      if (mapping) device.mapped = "/dev/mapper/" + std::string(trim(*mapping));
    }
    // sysfs writes the '/' of a name such as cciss/c0d0 as '!'.
    std::replace(device.path.begin(), device.path.end(), '!', '/');
    if (!worth_probing(device, names)) {
      devices_[name] = std::move(device);
      continue;
    }
    const bool tables = looked_for_.by != By::kUuid && looked_for_.by != By::kLabel;
    const int number =
        probes_.ask(device.path, tables ? BlockProber::Tables::kRead : BlockProber::Tables::kLeave);
    asked_[name] = {number, std::move(device)};
  }
}

void DeviceFinder::take_answers() {
  for (auto& [number, identity] : probes_.collect()) {
    const auto asked = std::find_if(asked_.begin(), asked_.end(), [n = number](const auto& entry) {
      return entry.second.number == n;
    });
    if (asked == asked_.end()) continue;  // gone or changed since
    const std::string name = asked->first;
    BlockDevice device = std::move(asked->second.device);
    asked_.erase(asked);
    if (!identity) {
      failed_[name] = {identity.error().message, system_.now()};
      continue;
    }
    failed_.erase(name);
    device.identity = *std::move(identity);
    devices_[name] = std::move(device);
  }
}

std::vector<const BlockDevice*> DeviceFinder::matches() {
  std::vector<const BlockDevice*> found;
  for (const auto& [name, device] : devices_) {
    const bool failed_before =
        std::find(passed_over_.begin(), passed_over_.end(), name) != passed_over_.end();
    if (!failed_before && matches_name(device, looked_for_, mapped_)) found.push_back(&device);
  }
  return found;
}

bool DeviceFinder::same_disk(const BlockDevice& a, const BlockDevice& b) {
  const std::string wwid = worldwide_name(system_, a.name);
  return !wwid.empty() && a.bytes == b.bytes && wwid == worldwide_name(system_, b.name);
}

const BlockDevice* DeviceFinder::match() {
  const auto found = matches();
  if (found.size() < 2) return found.empty() ? nullptr : found.front();
  const auto active = std::find_if(found.begin(), found.end(), [this](const BlockDevice* device) {
    return !is_passive_path(system_, device->name);
  });
  const BlockDevice* taken = active == found.end() ? found.front() : *active;
  for (const auto* device : found) {
    if (device == taken) continue;
    if (same_disk(*taken, *device)) {
      system_.log(taken->name + " and " + device->name + " are paths to one disk: " + taken->name +
                  " is taken");
    } else if (device->identity.type != "btrfs") {  // its devices share one UUID
      system_.log(to_string(looked_for_) + " is on " + device->name + ", too: " + taken->name +
                  " is taken");
    }
  }
  return taken;
}

bool DeviceFinder::has_other_path(const BlockDevice& device) {
  const std::string wwid = worldwide_name(system_, device.name);
  if (wwid.empty()) return false;
  for (const auto& name : system_.list_dir("/sys/class/block").value_or({})) {
    const bool failed_before =
        std::find(passed_over_.begin(), passed_over_.end(), name) != passed_over_.end();
    if (name != device.name && !failed_before && worldwide_name(system_, name) == wwid) return true;
  }
  return false;
}

std::string DeviceFinder::list() const {
  std::string text;
  const auto add = [&text](const std::string& what) { text += (text.empty() ? "" : ", ") + what; };
  for (const auto& [name, device] : devices_)
    add(describe(device));
  for (const auto& [name, failed] : failed_)
    add(name + " (" + failed.why + ")");
  for (const auto& [name, asked] : asked_)
    if (!failed_.contains(name)) add(name + " (does not answer)");
  return text.empty() ? "there is no block device at all" : "there are " + text;
}

Error DeviceFinder::not_found(Milliseconds waited) const {
  std::string missing = waiting_for_ ? waiting_for_() : std::string();
  if (!missing.empty()) missing += "; ";
  return fail(ErrorKind::kUnavailable, "no device with " + to_string(wanted_) + " after " +
                                           format_duration(waited) + "; " + missing + list());
}

void DeviceFinder::assemble_by(
    std::function<bool(const std::map<std::string, BlockDevice>&, const Deadline&)> step,
    std::function<std::string()> waiting_for) {
  assemble_ = std::move(step);
  waiting_for_ = std::move(waiting_for);
}

void DeviceFinder::wait_for_news(const Deadline& deadline) {
  // Until an event of a block device or an answer, or for a second. An answer wakes nobody: it is
  // looked for in short steps.
  const Deadline rescan = deadline.sooner(kRescan);
  while (!rescan.passed()) {
    const auto event = system_.wait_uevent(std::min(rescan.left(), probes_.pace()));
    if (event && take_event(*event)) return;
    const auto known = devices_.size() + failed_.size();
    take_answers();
    if (devices_.size() + failed_.size() != known) return;
  }
}

Result<BlockDevice> DeviceFinder::wait(const Deadline& deadline) {
  const auto started = system_.now();
  for (;;) {
    scan();
    take_answers();
    if (const BlockDevice* device = match()) return *device;
    if (assemble_ && assemble_(devices_, deadline)) continue;  // each is made only once
    if (deadline.passed()) return not_found(system_.now() - started);
    wait_for_news(deadline);
  }
}

Result<BlockDevice> DeviceFinder::wait_for_only(const Deadline& deadline) {
  auto device = wait(deadline);
  if (!device) return device;
  const Deadline enough = deadline.sooner(ProbesApart::kLimit);
  while (probes_.expecting() && !enough.passed())
    wait_for_more(enough);
  for (const auto* other : matches()) {
    if (other->name == device->name || same_disk(*other, *device)) continue;
    return fail(ErrorKind::kRefused, to_string(wanted_) + " is on " + device->name + " and on " +
                                         other->name + ": none of them is overwritten");
  }
  return device;
}

void DeviceFinder::wait_for_more(const Deadline& deadline) {
  wait_for_news(deadline);
  scan();
  take_answers();
}

}  // namespace mkcapture::init
