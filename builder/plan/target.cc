#include "builder/plan/target.h"

#include <fmt/format.h>

#include "builder/host/locate.h"
#include "builder/plan/device_checks.h"
#include "builder/plan/ssh_alias.h"

namespace mkcapture {

namespace {

// A name by path is the production kernel's, and a raw target overwrites UUID and label: a better
// one is taken where the device has it.
Status use_stable_name(const LocatedDevice& device, const std::string& origin, TargetPlan& target,
                       Plan& plan) {
  const TargetNeeds need = needs(target.spec);
  const auto better = better_name(*need.device, !need.filesystem, device.tags);
  if (!better) return check_name(*need.device, !need.filesystem, true, origin, plan);
  rename_device(target.spec, *better);
  target.how = "was " + to_string(*need.device);
  return {};
}

Status plan_device(const std::string& origin, int dump_level, Host& host, TargetPlan& target,
                   Plan& plan) {
  const TargetNeeds need = needs(target.spec);
  const auto device = plan.this_machine ? locate(host, *need.device) : std::nullopt;
  if (!device) return check_name(*need.device, !need.filesystem, false, origin, plan);
  auto stack = block_stack(host, device->number);
  if (!stack) return as_usage_error(origin, std::move(stack).error());
  if (!stack->unsupported.empty()) return usage_error(origin, unsupported_words(host, *stack));
  target.here = true;
  target.where = stack->words;
  target.drivers = stack->drivers;
  target.stack = *std::move(stack);
  if (!target.stack.servers.empty()) {
    target.server = ServerName{target.stack.servers.front(), 0};
    target.address = target.server->host;
  }
  if (!need.filesystem) {
    if (!target.stack.layers.empty())
      return usage_error(
          origin,
          fmt::format("{} is no plain partition, and only that has a name which outlives the "
                      "first dump: give one, or a file system on {} (disk:)",
                      target.where, device->node));
    TRY(check_overwritten(host, *device, origin));
  } else {
    if (!device->tags.type.empty() && !is_supported_filesystem(device->tags.type))
      return usage_error(
          origin, fmt::format("{} holds {}, not ext2, ext3, ext4, xfs, btrfs or vfat", device->node,
                              device->tags.type));
    target.filesystem = device->tags.type;
    TRY(check_filesystem(host, *device, need.directory, dump_level, origin, target, plan));
  }
  return use_stable_name(*device, origin, target, plan);
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
                         "/var/crash of this machine says nothing about another one, and this "
                         "image is " +
                             (plan.elsewhere.starts_with("for") ? "" : std::string("for ")) +
                             plan.elsewhere);
    auto spec = default_target(host);
    if (!spec) return std::move(spec).error();
    TargetPlan target{*spec, "", false, "", {}, "", ""};
    TRY(plan_device("target", request.dump.level, host, target, plan));
    target.how = "the file system that holds /var/crash";
    plan.targets.push_back(std::move(target));
    return {};
  }
  for (const auto& wanted : request.targets) {
    TargetPlan target{wanted.value, "", false, "", {}, "", ""};
    if (plan.this_machine) TRY(resolve_ssh_alias(host, wanted.origin, target));
    const TargetNeeds need = needs(target.spec);
    target.server = need.server;
    if (need.server) plan_server(*need.server, host, target, plan);
    if (need.device) TRY(plan_device(wanted.origin, request.dump.level, host, target, plan));
    if (!need.device && !need.server) {
      target.here = plan.this_machine;
      target.where = need.place;
    }
    plan.targets.push_back(std::move(target));
  }
  return {};
}

}  // namespace mkcapture
