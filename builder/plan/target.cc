#include "builder/plan/target.h"

#include <fmt/format.h>

#include "builder/host/locate.h"
#include "builder/host/mountinfo.h"

namespace mkcapture {

namespace {

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

// A name by path is the production kernel's; a better one is taken where the device has it.
void use_stable_name(const LocatedDevice& device, TargetPlan& target, Plan& plan) {
  const TargetNeeds need = needs(target.spec);
  if (need.device->by != DeviceName::By::kPath) return;
  const std::string before = to_string(*need.device);
  if (need.filesystem && !device.tags.uuid.empty()) {
    rename_device(target.spec, {DeviceName::By::kUuid, device.tags.uuid});
  } else if (!device.tags.partuuid.empty()) {
    rename_device(target.spec, {DeviceName::By::kPartUuid, device.tags.partuuid});
  } else {
    plan.warnings.push_back(fmt::format(
        "{} has no UUID: the capture kernel may give this name to another device", before));
    return;
  }
  target.how = "was " + before;
}

Status check_overwritten(const LocatedDevice& device, const std::string& origin, Host& host,
                         Plan& plan) {
  if (const std::string use = use_of(host, device); !use.empty())
    return usage_error(origin, fmt::format("{} {}; a raw target overwrites all of it: give a "
                                           "partition that nothing else uses",
                                           device.node, use));
  if (!device.tags.type.empty() && device.tags.type != "swap")
    plan.warnings.push_back(
        fmt::format("the dump will overwrite the {} on {}", device.tags.type, device.node));
  return {};
}

Status plan_device(const std::string& origin, Host& host, TargetPlan& target, Plan& plan) {
  const TargetNeeds need = needs(target.spec);
  const auto device = plan.this_machine ? locate(host, *need.device) : std::nullopt;
  if (!device) {
    if (need.device->by == DeviceName::By::kPath)
      plan.warnings.push_back(fmt::format(
          "{} is not on this machine, and names of this kind follow probe order: UUID= is safer",
          to_string(*need.device)));
    return {};
  }
  auto stack = block_stack(host, device->number);
  if (!stack) return as_usage_error(origin, std::move(stack).error());
  if (!stack->unsupported.empty()) return usage_error(origin, unsupported_words(host, *stack));
  target.here = true;
  target.where = stack->words;
  target.drivers = stack->drivers;
  target.stack = *std::move(stack);
  if (!need.filesystem) {
    if (!target.stack.layers.empty())
      return usage_error(
          origin,
          fmt::format("{} is no plain partition, and only that has a name which outlives the "
                      "first dump: give one, or a file system on {} (disk:)",
                      target.where, device->node));
    TRY(check_overwritten(*device, origin, host, plan));
  } else {
    if (!device->tags.type.empty() && !is_supported_filesystem(device->tags.type))
      return usage_error(
          origin, fmt::format("{} holds {}, not ext2, ext3, ext4, xfs, btrfs or vfat", device->node,
                              device->tags.type));
    target.filesystem = device->tags.type;
  }
  use_stable_name(*device, target, plan);
  return {};
}

void plan_server(const ServerName& server, Host& host, TargetPlan& target, Plan& plan) {
  auto addresses = host.resolve(server.host);
  if (!addresses || addresses->empty()) {
    plan.warnings.push_back(fmt::format(
        "{} cannot be resolved now; the capture will ask the name servers of its network",
        server.host));
    return;
  }
  target.address = addresses->front();
}

}  // namespace

Status plan_targets(const Request& request, Host& host, Plan& plan) {
  if (request.targets.empty()) {
    if (!plan.this_machine)
      return usage_error("no --target given",
                         fmt::format("/var/crash of this machine says nothing about one with the "
                                     "profile {}",
                                     plan.profile.name));
    auto spec = default_target(host);
    if (!spec) return std::move(spec).error();
    TargetPlan target{*spec, "", false, "", {}, "", ""};
    TRY(plan_device("target", host, target, plan));
    target.how = "the file system that holds /var/crash";
    plan.targets.push_back(std::move(target));
    return {};
  }
  for (const auto& wanted : request.targets) {
    TargetPlan target{wanted.value, "", false, "", {}, "", ""};
    const TargetNeeds need = needs(target.spec);
    if (need.server) plan_server(*need.server, host, target, plan);
    if (need.device) TRY(plan_device(wanted.origin, host, target, plan));
    plan.targets.push_back(std::move(target));
  }
  return {};
}

}  // namespace mkcapture
