#include "init/devices/module_loader.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "init/base/text.h"
#include "init/contract/module_options.h"
#include "init/system/running_kernel.h"

namespace mkcapture::init {
namespace {

constexpr std::size_t kMaxAliasBytes = 4 << 20;
constexpr std::size_t kMaxModalias = 4096;  // one page, as sysfs gives it
constexpr std::size_t kMaxCmdline = 64 << 10;
constexpr int kMaxPasses = 16;  // deeper than any chain of buses

}  // namespace

ModuleLoader::ModuleLoader(System& system, const CaptureConfig& config)
    : system_(system),
      config_(config),
      cmdline_(system.read_file("/proc/cmdline", kMaxCmdline).value_or("")) {}

const ModuleEntry* ModuleLoader::find(std::string_view name) const {
  const auto found = std::find_if(config_.modules.begin(), config_.modules.end(),
                                  [&](const ModuleEntry& m) { return m.name == name; });
  return found == config_.modules.end() ? nullptr : &*found;
}

Status ModuleLoader::load_one(const ModuleEntry& module) {
  if (system_.exists("/sys/module/" + module.name)) return {};
  if (failed_.contains(module.name)) return fail(module.name + " failed before");
  const std::string path = "/" + std::string(kModuleDir) + "/" + module.name + ".ko";
  std::string options = joined_options(module.params, module_options(cmdline_, module.name));
  if (apart_) options = joined_options(options, "async_probe");
  auto loaded = system_.load_module(path, options);
  if (on_loaded_) on_loaded_();
  if (!loaded) {
    // ENOEXEC: its vermagic; EINVAL: its symbols' versions; ENOENT: its symbols.
    const int code = loaded.error().code;
    refused_ |= code == ENOEXEC || code == EINVAL || code == ENOENT;
    failed_.insert(module.name);
    return loaded;
  }
  ++count_;
  if (config_.debug) system_.log("module " + module.name + " loaded");
  (void)system_.remove(path);
  return {};
}

Status ModuleLoader::load(std::string_view name) {
  const ModuleEntry* module = find(name);
  if (module == nullptr) return {};
  if (system_.exists("/sys/module/" + module->name)) return {};
  for (const auto& dependency : module->deps) {
    const ModuleEntry* entry = find(dependency);
    if (entry == nullptr || failed_.contains(dependency)) continue;
    if (auto loaded = load_one(*entry); !loaded) {
      system_.log("module " + dependency + " not loaded: " + loaded.error().message);
    }
  }
  return load_one(*module);
}

void ModuleLoader::load_all(const std::vector<std::string>& names) {
  for (const auto& name : names) {
    if (failed_.contains(name)) continue;
    if (auto loaded = load(name); !loaded) {
      system_.log("module " + name + " not loaded: " + loaded.error().message);
    }
  }
}

void ModuleLoader::load_filesystem(const std::vector<std::string>& names) {
  const bool before = std::exchange(apart_, true);
  load_all(names);
  apart_ = before;
}

bool ModuleLoader::are_of_another_kernel() {
  return refused_ && is_another_kernel(system_, config_.kernel);
}

const ModuleAliases& ModuleLoader::aliases() {
  if (!aliases_) {
    auto text = system_.read_file("/" + std::string(kAliasPath), kMaxAliasBytes);
    if (!text) system_.log("no driver can be found by its device: " + text.error().message);
    aliases_ = std::make_unique<ModuleAliases>(std::move(text).value_or(""));
  }
  return *aliases_;
}

bool ModuleLoader::wanted(Autoload which, std::string_view name) const {
  const ModuleEntry* module = find(name);
  if (module == nullptr) return false;
  const auto& c = module->driver_class;
  if (which == Autoload::kWatchdog) return c == "watchdog";
  return c.empty() || c == (which == Autoload::kNet ? "net" : "storage");
}

void ModuleLoader::autoload(Autoload which, const std::string& modalias) {
  if (which == Autoload::kNone) return;
  std::vector<std::string> names;
  for (const auto name : aliases().match(modalias)) {
    if (wanted(which, name)) names.emplace_back(name);
  }
  load_all(names);
}

void ModuleLoader::autoload(Autoload which) {
  if (which == Autoload::kNone) return;
  std::set<std::string> seen;
  for (int pass = 0; pass < kMaxPasses; ++pass) {
    const auto known = seen.size();
    for (const auto& bus : system_.list_dir("/sys/bus").value_or({})) {
      const std::string devices = "/sys/bus/" + bus + "/devices/";
      for (const auto& device : system_.list_dir(devices).value_or({})) {
        const auto text = system_.read_file(devices + device + "/modalias", kMaxModalias);
        if (!text) continue;
        const std::string modalias(trim(*text));
        if (seen.insert(modalias).second) autoload(which, modalias);
      }
    }
    if (seen.size() == known) break;
  }
}

}  // namespace mkcapture::init
