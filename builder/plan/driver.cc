#include "builder/plan/driver.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>

#include "init/contract/module_options.h"
#include "init/contract/storage.h"

namespace mkcapture {

namespace {

using Names = std::vector<std::string>;
using Choice = DriverChoice::Kind;

// The set of modules/watchdog.toml, its class, and its name in a LIST.
constexpr const char* kWatchdogSet = "watchdog";

using Layer = StorageLayer::Kind;

// The layers that modules of a LIST are for: sets by their names, or modules of drivers/md.
std::optional<Layer> layer_of(const std::string& name) {
  if (name == "nvme_tcp" || name == "nvme-tcp") return Layer::kNvmeTcp;
  if (name == "lvm" || name == "dm_mod" || name == "dm-mod") return Layer::kLvm;
  if (name == "md" || name == "md_mod" || name == "md-mod" || name == "raid456" ||
      !md_module(name).empty())
    return Layer::kMd;
  return std::nullopt;
}

const char* driver_class_of(const TargetSpec& spec) {
  return needs_network(spec) ? "net" : "storage";
}

template <class T>
void append_new(std::vector<T>& into, const std::vector<T>& more) {
  for (const auto& name : more)
    if (std::find(into.begin(), into.end(), name) == into.end()) into.push_back(name);
}

// By a module's path: "kernel/drivers/net/...", and what DKMS, distributions and vendors put into
// "updates/", "extra/" or "weak-updates/PACKAGE/" the same way.
std::string class_of_path(const std::string& path) {
  constexpr std::string_view kModules = "lib/modules/";
  std::string_view inner = path;
  inner.remove_prefix(std::min(inner.rfind(kModules), inner.size()));
  const auto at = std::min(inner.find("/drivers/"), inner.find("/fs/"));
  if (at == std::string_view::npos) return "";
  inner.remove_prefix(at + 1);
  if (inner.starts_with("fs/")) return "fs";
  if (inner.starts_with("drivers/net/")) return "net";
  for (const char* folder :
       {"drivers/block/", "drivers/scsi/", "drivers/ata/", "drivers/nvme/", "drivers/mmc/",
        "drivers/message/", "drivers/usb/storage/", "drivers/s390/block/", "drivers/s390/scsi/"})
    if (inner.starts_with(folder)) return "storage";
  return "";
}

class DriverPlanner {
 public:
  DriverPlanner(const Request& request, KernelTree& tree, const ModuleSets& sets,
                const ModprobeOptions& options, Plan& plan)
      : request_(request),
        tree_(tree),
        sets_(sets),
        modprobe_options_(options),
        plan_(plan),
        resolver_(tree, sets) {}

  Status run() {
    TRY(omit());
    if (request_.drivers.kind == Choice::kList) TRY(take_list());
    std::set<std::string> ways;
    for (auto& target : plan_.targets) {
      TRY(device_drivers(target, ways));
      TRY(filesystem_support(target));
      TRY(set_support(target));
      if (!needs_network(target.spec)) TRY(layer_support(target));
    }
    TRY(watchdogs(ways));
    TRY(add_named());
    if (request_.shell) TRY(take_set("shell", "asked for by --shell"));
    return finish(ways);
  }

 private:
  // Names given by the user: unknown to the kernel is an error that names the place.
  Status check_known(const std::string& name, const std::string& origin) {
    if (tree_.has(name) || tree_.is_builtin(name)) return {};
    return usage_error(origin, fmt::format("kernel {} has no driver '{}', neither as a module nor "
                                           "built in",
                                           tree_.release(), name));
  }

  Status omit() {
    for (const auto& driver : request_.omit_driver) {
      TRY(check_known(driver.value, driver.origin));
      if (tree_.is_builtin(driver.value))
        plan_.warnings.push_back(
            fmt::format("{} is built into the kernel and cannot be left out", driver.value));
      resolver_.omit(driver.value);
    }
    return {};
  }

  Status take(const DriverRequest& wish, Names& into) {
    auto names = resolver_.add(wish);
    if (!names) return std::move(names).error();
    append_new(into, *names);
    return {};
  }

  // --drivers LIST: who uses which is told by where the modules lie.
  Status take_list() {
    for (const auto& name : request_.drivers.list) {
      if (const auto layer = layer_of(name)) listed_layers_.insert(*layer);
      if (name == kWatchdogSet) {
        TRY(take_watchdogs("listed"));
        continue;
      }
      if (name == "lvm" || name == "md" || name == "multipath" || name == "nvme_tcp") {
        auto taken = resolver_.add_set(name, "listed");
        if (!taken) return std::move(taken).error();
        // A path's handler has to be there before its disk.
        if (name == "multipath") append_new(listed_storage_, *taken);
        continue;
      }
      TRY(check_known(name, request_.drivers.origin));
      std::string driver_class;
      if (tree_.has(name)) {
        auto info = tree_.info(name);
        if (!info) return std::move(info).error();
        driver_class = class_of_path(info->path);
      }
      // Not every module below fs/ mounts a disk: virtiofs.
      const ModuleSet* set = sets_.find(name);
      if (driver_class == "fs" && set != nullptr && set->driver_class == "fs") {
        TRY(take_filesystem(name, "listed"));
        continue;
      }
      Names& into = driver_class == "net"       ? listed_net_
                    : driver_class == "storage" ? listed_storage_
                                                : listed_both_;
      TRY(take({name, "listed", driver_class, true}, into));
    }
    return {};
  }

  // The drivers that make the target's device or card appear.
  Status device_drivers(TargetPlan& target, std::set<std::string>& ways) {
    const TargetNeeds need = needs(target.spec);
    const bool net = need.server.has_value();
    if (request_.drivers.kind == Choice::kList) {
      ways.insert("listed");
      target.modules = listed_both_;
      if (!net) append_new(target.modules, listed_storage_);
      if (target.server) append_new(target.modules, listed_net_);
      return {};
    }
    if (!need.device && !need.server) {  // its module sets are all
      ways.insert(request_.drivers.kind != Choice::kGeneric && target.here ? "host" : "generic");
      return {};
    }
    if (request_.drivers.kind == Choice::kHost && !target.here)
      return usage_error(
          request_.drivers.origin,
          fmt::format("host: {} is not on this machine; use generic or a list",
                      net ? "the way to " + need.server->host : to_string(*need.device)));
    const bool generic = request_.drivers.kind == Choice::kGeneric;
    // Where a disk is on the network was seen on this machine, so its way is this machine's.
    const bool remote = need.device && target.server;
    if ((!generic || remote) && target.here) {
      ways.insert(generic ? "generic" : "host");
      for (const auto& device : target.drivers)
        TRY(take_device(device, target));
      if (!generic) return {};
    }
    ways.insert("generic");
    target.autoload = net ? Autoload::kNet : Autoload::kStorage;
    return take_generic(net);
  }

  // A driver at work here, under the name that the capture kernel has for it.
  Status take_device(const DeviceDriver& device, TargetPlan& target) {
    const std::string driver_class = driver_class_of(target.spec);
    const std::string reason = fmt::format("drives {} of {}", device.device, target.where);
    for (const auto& name : {device.module, normal_name(device.driver)})
      if (!name.empty() && (tree_.has(name) || tree_.is_builtin(name)))
        return take({name, reason, driver_class, true}, target.modules);
    const bool bridge = device.driver == "pcieport";
    if (!device.modalias.empty() && !bridge && !tree_.lookup(device.modalias).empty())
      return take({"alias:" + device.modalias, reason, driver_class, false}, target.modules);
    if (device.module.empty())
      return {};  // built in here; drivers of buses have no name of their own
    return fail(
        fmt::format("kernel {} has no driver '{}', which {}; choose another kernel or "
                    "--drivers generic",
                    tree_.release(), device.module, reason));
  }

  // What brings up the layers below the target's device. /init loads these when it meets a member.
  Status layer_support(TargetPlan& target) {
    const bool listed = request_.drivers.kind == Choice::kList;
    if (!listed && target.autoload != Autoload::kNone) {
      const auto& sets = plan_.profile.storage_sets;
      for (const auto layer : {Layer::kMd, Layer::kLvm})
        if (std::find(sets.begin(), sets.end(), to_string(layer)) != sets.end())
          target.layers.push_back({layer, "", 0, ""});
      for (const auto& layer : target.stack.layers)
        if (layer.kind == Layer::kNvmeTcp) target.layers.push_back(layer);
      return {};
    }
    if (listed) {
      for (const auto& layer : target.stack.layers)
        if (!listed_layers_.contains(layer.kind))
          return usage_error(request_.drivers.origin,
                             fmt::format("the list lacks '{}', which {} needs",
                                         to_string(layer.kind), target.where));
      for (const auto layer : listed_layers_) {
        if (target.here) break;
        if (layer == Layer::kNvmeTcp)
          return usage_error(request_.drivers.origin,
                             fmt::format("nvme_tcp: where {} is on the network is known only on "
                                         "the machine that uses it: build the image there",
                                         to_string(target.spec)));
        target.layers.push_back({layer, "", 0, ""});
      }
    }
    append_new(target.layers, target.stack.layers);
    Names loaded_when_needed;
    for (const auto& module : target.stack.modules)
      TRY(take({module, fmt::format("brings up {}", target.where), "storage", true},
               loaded_when_needed));
    return {};
  }

  Status take_generic(bool net) {
    for (const auto& set : net ? plan_.profile.net_sets : plan_.profile.storage_sets) {
      auto names = resolver_.add_set(set, fmt::format("generic: {}", set));
      if (!names) return std::move(names).error();
    }
    return {};
  }

  Status filesystem_support(const TargetPlan& target) {
    const TargetNeeds need = needs(target.spec);
    if (!need.filesystem) return {};
    if (request_.drivers.kind == Choice::kList) return listed_filesystem(target);
    if (!target.filesystem.empty()) return take_filesystem(target.filesystem, "on " + target.where);
    for (const auto& type : plan_.profile.filesystems)
      if (has_filesystem(type))
        TRY(take_filesystem(type,
                            fmt::format("the type of {} is not known", to_string(*need.device))));
    return {};
  }

  // With a LIST only what is named or built in can be mounted.
  Status listed_filesystem(const TargetPlan& target) {
    for (const auto& type : plan_.profile.filesystems)
      if (tree_.is_builtin(type)) TRY(take_filesystem(type, "built in"));
    const auto& there = plan_.filesystems;
    const bool usable = target.filesystem.empty()
                            ? !there.empty()
                            : std::any_of(there.begin(), there.end(), [&](const auto& entry) {
                                return entry.type == target.filesystem;
                              });
    if (usable) return {};
    return usage_error(
        request_.drivers.origin,
        fmt::format(
            "the list has no file system driver for {}{}", to_string(target.spec),
            target.filesystem.empty() ? ", for example ext4" : ": add " + target.filesystem));
  }

  bool has_filesystem(const std::string& type) {
    const ModuleSet* set = sets_.find(type);
    if (set == nullptr) return false;
    return std::all_of(set->required.begin(), set->required.end(),
                       [&](const auto& name) { return tree_.has(name) || tree_.is_builtin(name); });
  }

  Status take_filesystem(const std::string& type, const std::string& why) {
    auto& filesystems = plan_.filesystems;
    for (const auto& entry : filesystems)
      if (entry.type == type) return {};
    auto entry = resolver_.add_filesystem(type, fmt::format("file system {}", why));
    if (!entry) return std::move(entry).error();
    filesystems.push_back(std::move(*entry));
    // One driver mounts all three, and blkid may call the same disk any of them.
    if (type == "ext4" || type == "ext3" || type == "ext2")
      for (const char* kin : {"ext4", "ext3", "ext2"})
        if (kin != type && request_.drivers.kind == Choice::kList) TRY(take_filesystem(kin, why));
    return {};
  }

  // The module sets of the network and of the target itself.
  Status set_support(TargetPlan& target) {
    if (auto checked = check_target(target.spec); !checked)
      return as_usage_error(to_string(target.spec), std::move(checked).error());
    const TargetNeeds need = needs(target.spec);
    Names sets;
    if (target.server) {
      sets.push_back("network");
      if (plan_.network.dhcp) sets.push_back("dhcp");
      if (!plan_.network.bond.empty()) sets.push_back("bond");
      if (!plan_.network.vlan.empty()) sets.push_back("vlan");
    }
    append_new(sets, need.module_sets);
    const std::string reason = fmt::format("for {}", to_string(target.spec));
    for (const auto& set : sets) {
      auto names = take_set(set, reason);
      if (!names) return std::move(names).error();
      append_new(target.modules, *names);
    }
    return {};
  }

  Result<Names> take_set(const std::string& name, const std::string& reason) {
    auto names = resolver_.add_set(name, reason);
    if (const ModuleSet* set = sets_.find(name)) append_new(plan_.image.programs, set->programs);
    return names;
  }

  // Those of this machine where the image is for it; where the devices are not known, what the
  // kernel has drivers for. With a LIST: where it says so.
  Status watchdogs(const std::set<std::string>& ways) {
    if (ways.contains("generic")) return take_watchdogs("generic");
    if (!ways.contains("host")) return {};
    Names& drivers = plan_.fed_watchdogs.drivers;
    for (const auto& watchdog : plan_.watchdogs) {
      const std::string reason =
          watchdog.identity.empty()
              ? fmt::format("feeds {}", watchdog.name)
              : fmt::format("feeds {} ({})", watchdog.name, watchdog.identity);
      for (const auto& device : watchdog.drivers) {
        const std::string& name =
            device.module.empty() ? normal_name(device.driver) : device.module;
        TRY(take({name, reason, kWatchdogSet, false}, drivers));
      }
    }
    return {};
  }

  Status take_watchdogs(const std::string& why) {
    plan_.fed_watchdogs.autoload = true;
    auto names = resolver_.add_set(kWatchdogSet, why + ": watchdog");
    if (!names) return std::move(names).error();
    // No device tells of a management controller's or a hypervisor's: those by name, and the way to
    // the controller before the others.
    std::set<std::string> of_devices;
    for (auto& [pattern, name] : tree_.alias_index())
      if (pattern.find(':') != std::string::npos) of_devices.insert(std::move(name));
    for (const auto& name : *names)
      if (!of_devices.contains(name) || name.starts_with("ipmi_"))
        append_new(plan_.fed_watchdogs.drivers, {name});
    return {};
  }

  // --add-driver: loaded for every target, and its class is what its place says.
  Status add_named() {
    for (const auto& driver : request_.add_driver) {
      TRY(check_known(driver.value, driver.origin));
      std::string driver_class;
      if (tree_.has(driver.value)) {
        auto info = tree_.info(driver.value);
        if (!info) return std::move(info).error();
        driver_class = class_of_path(info->path);
      }
      if (driver_class == "fs" && sets_.find(driver.value) != nullptr) {
        TRY(take_filesystem(driver.value, "asked for by " + driver.origin));
        continue;
      }
      Names names;
      TRY(take({driver.value, "asked for by " + driver.origin, driver_class, true}, names));
      for (auto& target : plan_.targets)
        if (driver_class.empty() || driver_class == driver_class_of(target.spec))
          append_new(target.modules, names);
    }
    return {};
  }

  // modprobe.d's, then --module-option: of a parameter the last one counts. What is built in has
  // its options from the kernel's command line.
  Status give_options() {
    auto& modules = plan_.drivers.modules;
    for (auto& module : modules)
      if (const auto it = modprobe_options_.find(module.name); it != modprobe_options_.end())
        module.params = joined_options(module.params, it->second);
    for (const auto& [wish, origin] : request_.module_option) {
      const auto module = std::find_if(modules.begin(), modules.end(),
                                       [&](const auto& one) { return one.name == wish.module; });
      if (module != modules.end()) {
        module->params = joined_options(module->params, wish.option);
        continue;
      }
      TRY(check_known(wish.module, origin));
      if (tree_.is_builtin(wish.module))
        plan_.kexec.builtin_options =
            joined_options(plan_.kexec.builtin_options, wish.module + "." + wish.option);
      else
        plan_.notes.push_back(fmt::format("{}: {} is not in the image, its option {} has no effect",
                                          origin, wish.module, wish.option));
    }
    return {};
  }

  Status finish(const std::set<std::string>& ways) {
    plan_.drivers = resolver_.result();
    TRY(give_options());
    plan_.image.modules = plan_.drivers.modules;
    if (ways.contains("generic") || plan_.fed_watchdogs.autoload) {
      auto aliases = resolver_.aliases();
      if (!aliases) return std::move(aliases).error();
      plan_.image.aliases = std::move(*aliases);
    }
    plan_.drivers_words = fmt::format("{}", fmt::join(ways, " and "));
    return {};
  }

  const Request& request_;
  KernelTree& tree_;
  const ModuleSets& sets_;
  const ModprobeOptions& modprobe_options_;
  Plan& plan_;
  Resolver resolver_;
  Names listed_storage_, listed_net_, listed_both_;  // --drivers LIST, by who uses them
  std::set<Layer> listed_layers_;
};

}  // namespace

Status plan_drivers(const Request& request, KernelTree& tree, const ModuleSets& sets,
                    const ModprobeOptions& options, Plan& plan) {
  return DriverPlanner(request, tree, sets, options, plan).run();
}

}  // namespace mkcapture
