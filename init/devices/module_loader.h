// Loads kernel modules of the image. There is no modprobe: order, parameters and dependencies were
// resolved when the image was built (capture_config.h, module=).
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "init/contract/capture_config.h"
#include "init/devices/module_aliases.h"
#include "init/system/system.h"

namespace mkcapture::init {

/// One per worker. What is loaded is known by /sys/module, so that a later worker goes on where an
/// earlier one ended. A module's file is removed once it is loaded: the image lies in memory.
class ModuleLoader {
 public:
  /// Options of modules on the kernel's command line are handed to them, behind those of the image.
  ModuleLoader(System& system, const CaptureConfig& config);

  /// Loads `name` after its dependencies. A dependency that cannot be loaded is logged and passed
  /// over (crc32c_intel on a CPU without the instruction); only a failure of `name` itself is an
  /// error. A name that the image does not hold is built into the kernel: success.
  Status load(std::string_view name);
  /// All of them, in this order; failures are logged, since the wait for the device tells whether
  /// they mattered.
  void load_all(const std::vector<std::string>& names);

  /// Loads the modules of `which` (and those without a class: buses) for the devices that are
  /// present, again and again as buses bring devices that bring buses.
  void autoload(Autoload which);
  /// The same for one device, by its modalias.
  void autoload(Autoload which, const std::string& modalias);

  /// What mounting a file system needs. As load_all(), without waiting for probes that are under
  /// way: finit_module(2) otherwise returns only once the disks have answered that other modules
  /// found (async_synchronize_full() in do_init_module(), unless the module says async_probe).
  void load_filesystem(const std::vector<std::string>& names);
  /// From here on no module waits for any probe.
  void wait_for_no_probe() { apart_ = true; }
  /// `what` is called after each module.
  void on_loaded(std::function<void()> what) { on_loaded_ = std::move(what); }

  /// Whether modules could not be loaded since the image is for another kernel than this one.
  [[nodiscard]] bool are_of_another_kernel();

  /// How many modules this loader has loaded itself.
  [[nodiscard]] int count() const noexcept { return count_; }

 private:
  [[nodiscard]] const ModuleEntry* find(std::string_view name) const;
  [[nodiscard]] bool wanted(Autoload which, std::string_view name) const;
  [[nodiscard]] const ModuleAliases& aliases();
  Status load_one(const ModuleEntry& module);

  System& system_;
  const CaptureConfig& config_;
  std::string cmdline_;
  std::unique_ptr<ModuleAliases> aliases_;
  std::set<std::string, std::less<>> failed_;  // not tried again
  int count_ = 0;
  bool apart_ = false;
  bool refused_ = false;  // a module, as one that is not this kernel's
  std::function<void()> on_loaded_;
};

}  // namespace mkcapture::init
