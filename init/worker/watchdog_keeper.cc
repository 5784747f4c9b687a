#include "init/worker/watchdog_keeper.h"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <new>

#include "init/devices/module_loader.h"
#include "init/devices/watchdogs.h"

namespace mkcapture::init {

void WatchdogLease::Unmap::operator()(WatchdogLease* lease) const noexcept {
  lease->~WatchdogLease();
  munmap(lease, sizeof *lease);
}

Result<WatchdogLease::Owner> WatchdogLease::create() {
  void* memory = mmap(nullptr, sizeof(WatchdogLease), PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return sys_error("shared memory", errno);
  return Owner(new (memory) WatchdogLease);
}

bool has_watchdogs_to_keep(System& system, const CaptureConfig& config) {
  return !config.watchdog.drivers.empty() || config.watchdog.autoload || has_watchdog(system);
}

namespace {

/// ipmi_watchdog has but the one node that the first device of the class would take, and makes it
/// once it has reached the management controller.
constexpr const char* kIpmi = "ipmi_watchdog";
constexpr const char* kIpmiInterfaces[] = {"/sys/module/ipmi_si", "/sys/module/ipmi_ssif",
                                           "/sys/module/ipmi_powernv"};
constexpr Milliseconds kIpmiPatience{2'000};  // what else counts may have little left
constexpr Milliseconds kPoll{20};

void load_drivers(System& system, ModuleLoader& modules, const std::vector<std::string>& names) {
  for (const auto& name : names) {
    modules.load_all({name});
    if (name != kIpmi) continue;
    const bool reachable = std::any_of(std::begin(kIpmiInterfaces), std::end(kIpmiInterfaces),
                                       [&](const char* path) { return system.exists(path); });
    const Deadline patience(system, kIpmiPatience);
    while (reachable && !has_watchdog(system) && !patience.passed())
      system.sleep(kPoll);
  }
}

}  // namespace

int keep_watchdogs(const WatchdogContext& context) {
  System& system = context.system;
  WatchdogLease& lease = context.lease;
  // A worker is the first to go when memory runs out; without this one the machine is reset.
  (void)system.write_file("/proc/self/oom_score_adj", "-1000");

  ModuleLoader modules(system, context.config);
  load_drivers(system, modules, context.config.watchdog.drivers);
  if (context.config.watchdog.autoload) modules.autoload(Autoload::kWatchdog);

  Watchdogs watchdogs(system);
  const Deadline patience(system, kWatchdogPatience);
  for (;;) {
    watchdogs.open_new();
    lease.set_found(watchdogs.empty() ? WatchdogLease::Found::kNone : WatchdogLease::Found::kSome);
    if (watchdogs.empty() && (modules.count() == 0 || patience.passed())) return 0;
    if (lease.must_stop()) {
      watchdogs.stop();
      return 0;
    }
    if (lease.may_feed(system.now())) watchdogs.feed();
    system.sleep(kFeedEvery);
  }
}

}  // namespace mkcapture::init
