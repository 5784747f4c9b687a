#include "builder/plan/device_checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

#include "builder/host/block_stack.h"
#include "builder/host/btrfs_members.h"
#include "builder/host/mountinfo.h"
#include "init/base/text.h"
#include "init/base/units.h"
#include "init/contract/raw_content.h"

namespace mkcapture {

namespace {

constexpr std::uint64_t kVfatLargest = (std::uint64_t{4} << 30) - 1;
constexpr int kAllLeftOut = 31;

bool begins_with_any(std::string_view text, std::initializer_list<std::string_view> prefixes) {
  for (const auto prefix : prefixes)
    if (text.starts_with(prefix)) return true;
  return false;
}

template <class T>
void add_new(std::vector<T>& into, std::vector<T> more) {
  for (auto& value : more)
    if (std::find(into.begin(), into.end(), value) == into.end()) into.push_back(std::move(value));
}

// udev's links that say what a UUID= would: /init reads them.
bool is_tag_link(std::string_view path) {
  return begins_with_any(path, {"/dev/disk/by-uuid/", "/dev/disk/by-label/",
                                "/dev/disk/by-partuuid/", "/dev/disk/by-partlabel/"});
}

// What the device is used for now, in words; empty where it is free.
std::string use_of(Host& host, const LocatedDevice& device) {
  // Btrfs mounts have numbers of their own: by their source.
  for (const auto& mount : parse_mountinfo(host.read_file("/proc/self/mountinfo").value_or("")))
    if (mount.device == device.number || mount.source == device.node) return "is mounted";
  const std::string folder = "/sys/dev/block/" + to_string(device.number);
  if (const auto holders = host.list_dir(folder + "/holders"); holders && !holders->empty())
    return fmt::format("is used by {}", fmt::join(*holders, ", "));
  auto partitions = host.list_dir(folder).value_or({});
  std::erase_if(partitions, [&](const auto& name) {
    return !host.exists(fmt::format("{}/{}/partition", folder, name));
  });
  if (!partitions.empty()) return fmt::format("has partitions ({})", fmt::join(partitions, ", "));
  return "";
}

// A line of /proc/meminfo in bytes; 0 where it is not there.
std::uint64_t meminfo(std::string_view text, std::string_view key) {
  for (auto line : split(text, '\n')) {
    if (!consume(line, key) || !consume(line, ":")) continue;
    line = trim(line);
    const auto kib = parse_number(line.substr(0, line.find(' ')));
    return kib ? *kib * 1024 : 0;
  }
  return 0;
}

struct DumpNeed {
  std::uint64_t most = 0;  // all of memory
  std::uint64_t now = 0;   // what the level would keep if the crash were now
};

DumpNeed need_of_dump(Host& host, int level) {
  const std::string text = host.read_file("/proc/meminfo").value_or("");
  DumpNeed need;
  need.most = need.now = meminfo(text, "MemTotal");
  if (level != kAllLeftOut) return need;
  for (const char* left_out : {"MemFree", "Buffers", "Cached", "AnonPages"})
    need.now -= std::min(need.now, meminfo(text, left_out));
  return need;
}

void warn_of_space(Host& host, const Mount& mount, const LocatedDevice& device, int level,
                   Plan& plan) {
  const auto free = host.free_bytes(mount.point);
  const DumpNeed need = need_of_dump(host, level);
  if (!free || need.most == 0 || *free >= need.most) return;
  const std::string words = fmt::format("{} has {} free, and a dump needs up to {}", device.node,
                                        format_size(*free), format_size(need.most));
  if (*free < need.now)
    plan.warnings.push_back(fmt::format("{}, before compression {} if the crash were now", words,
                                        format_size(need.now)));
  else
    plan.notes.push_back(words);
}

}  // namespace

std::optional<DeviceName> better_name(const DeviceName& name, bool overwritten,
                                      const BlockTags& tags) {
  using By = DeviceName::By;
  const bool lost = overwritten && (name.by == By::kUuid || name.by == By::kLabel);
  if (name.by != By::kPath && !lost) return std::nullopt;
  if (!overwritten && !tags.uuid.empty()) return DeviceName{By::kUuid, tags.uuid};
  if (!tags.partuuid.empty()) return DeviceName{By::kPartUuid, tags.partuuid};
  return std::nullopt;
}

Status check_name(const DeviceName& name, bool overwritten, bool here, const std::string& origin,
                  Plan& plan) {
  using By = DeviceName::By;
  const std::string text = to_string(name);
  const bool link_to_content =
      begins_with_any(name.value, {"/dev/disk/by-uuid/", "/dev/disk/by-label/"});
  if (overwritten &&
      (name.by == By::kUuid || name.by == By::kLabel || (name.by == By::kPath && link_to_content)))
    return usage_error(
        origin, fmt::format("raw:{}: the first dump overwrites that name, so the second would "
                            "find nothing: name a partition by PARTUUID= or PARTLABEL=",
                            text));
  if (name.by != By::kPath || is_tag_link(name.value)) return {};
  if (begins_with_any(name.value, {"/dev/disk/", "/dev/md/"}))
    return usage_error(
        origin,
        fmt::format("{}: the capture kernel has no udev that makes this name{}: write UUID=, "
                    "LABEL=, PARTUUID= or PARTLABEL=",
                    text,
                    here ? ", and the device has neither a UUID nor a partition's UUID"
                         : ", and this machine has no such device"));
  if (!here && name.value.starts_with("/dev/mapper/")) {
    plan.warnings.push_back(fmt::format(
        "{} is not on this machine: the capture kernel has that name only for an LVM volume",
        text));
    return {};
  }
  plan.warnings.push_back(
      here ? fmt::format("{} has no UUID: the capture kernel may give this name to another device",
                         text)
           : fmt::format("{} is not on this machine, and names of this kind follow probe order: "
                         "UUID= is safer",
                         text));
  return {};
}

Status check_overwritten(Host& host, const LocatedDevice& device, const std::string& origin) {
  if (const std::string use = use_of(host, device); !use.empty())
    return usage_error(origin, fmt::format("{} {}; a raw target overwrites all of it: give a "
                                           "partition that nothing else uses",
                                           device.node, use));
  const auto begin = host.read_unclaimed(device.node, kRawLook);
  if (!begin && begin.error().code == EBUSY)
    return usage_error(origin,
                       fmt::format("{} is in use (active swap, a member of a RAID, a volume "
                                   "group or a ZFS pool, a virtual machine's disk); a raw "
                                   "target overwrites all of it: give a partition that "
                                   "nothing else uses",
                                   device.node));
  const bool readable = begin.ok();
  if (readable ? may_be_overwritten(device.tags.type, *begin)
               : device.tags.type.empty() || device.tags.type == "swap")
    return {};
  return usage_error(
      origin, fmt::format("{} holds {}, and {}: clear it with wipefs -a {} and blkdiscard or dd "
                          "if=/dev/zero of={} bs=64k count=1 if nobody needs it",
                          device.node, device.tags.type.empty() ? "data" : device.tags.type,
                          kOverwritten, device.node, device.node));
}

Status check_filesystem(Host& host, const LocatedDevice& device, const std::string& path,
                        int dump_level, const std::string& origin, TargetPlan& target, Plan& plan) {
  const auto mounts = parse_mountinfo(host.read_file("/proc/self/mountinfo").value_or(""));
  for (const auto& mount : mounts) {
    if (mount.device != device.number && mount.source != device.node) continue;
    warn_of_space(host, mount, device, dump_level, plan);
    break;
  }
  if (device.tags.type == "vfat") {
    const std::uint64_t ram = need_of_dump(host, dump_level).most;
    if (ram > kVfatLargest)
      plan.warnings.push_back(
          fmt::format("a file on vfat ({}) has at most 4 GiB, and this machine has {} of memory: a "
                      "larger dump ends there",
                      device.node, format_size(ram)));
  }
  if (device.tags.type != "btrfs") return {};

  for (const auto member : btrfs_members(host, device.tags.uuid)) {
    auto stack = block_stack(host, member);
    if (!stack) return as_usage_error(origin, std::move(stack).error());
    if (!stack->unsupported.empty()) return usage_error(origin, unsupported_words(host, *stack));
    if (member != device.number) target.where += ", " + stack->words;
    merge_drivers(target.drivers, std::move(stack->drivers));
    add_new(target.stack.layers, std::move(stack->layers));
    add_new(target.stack.modules, std::move(stack->modules));
  }
  // Who means a path of the running system gets another one.
  const Mount* mount = mount_of(mounts, path);
  if (mount != nullptr && mount->type == "btrfs" && mount->source == device.node) {
    const std::string from_top = path_in_filesystem(*mount, path);
    if (from_top != path)
      plan.warnings.push_back(fmt::format(
          "on btrfs PATH counts from the top of the file system: {} of this system is {} there",
          path, from_top));
  }
  return {};
}

}  // namespace mkcapture
