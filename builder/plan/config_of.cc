#include "builder/plan/config_of.h"

#include "builder/host/locate.h"

namespace mkcapture {

CaptureConfig config_of(const Plan& plan) {
  CaptureConfig config;
  for (const auto& target : plan.targets)
    config.targets.push_back(
        {target.spec, target.modules, target.autoload, target.ccw_devices, target.layers});
  for (const auto& module : plan.drivers.modules)
    config.modules.push_back({module.name, module.deps, module.params, module.driver_class});
  config.filesystems = plan.filesystems;
  config.watchdog = plan.fed_watchdogs;
  config.ip = plan.network.ip;
  config.vlan = plan.network.vlan;
  config.bond = plan.network.bond;
  config.route = plan.network.route;
  config.kernel = plan.kernel.release;
  config.deadline = plan.capture.deadline;
  config.deadline_extends = plan.capture.deadline_extends;
  config.wait = plan.capture.wait;
  config.stall = plan.capture.stall;
  config.final_action = plan.capture.final_action;
  config.on_failure = plan.capture.on_failure;
  config.shell_allowed = plan.capture.shell;
  config.dump = plan.capture.dump;
  config.keep = plan.capture.keep;
  config.reserve = plan.capture.reserve;
  config.filter_check = plan.filter;
  return config;
}

CaptureConfig config_of_living(const Plan& plan, Host& host) {
  CaptureConfig config = config_of(plan);
  config.modules.clear();
  config.watchdog = {};
  for (auto& filesystem : config.filesystems)
    filesystem.modules.clear();
  for (auto& target : config.targets) {
    target.drivers.clear();
    target.layers.clear();
    target.ccw_devices.clear();
    target.autoload = Autoload::kNone;
    const auto name = needs(target.spec).device;
    if (!name) continue;
    if (const auto device = locate(host, *name)) {
      rename_device(target.spec, {DeviceName::By::kPath, device->node});
    }
  }
  return config;
}

}  // namespace mkcapture
