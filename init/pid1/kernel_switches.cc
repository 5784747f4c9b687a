#include "init/pid1/kernel_switches.h"

namespace mkcapture::init {
namespace {

/// All that Documentation/admin-guide/sysctl/kernel.rst and vm.rst (7.3) have of this kind, and
/// the parameters of built-in parts that do the same. 0 is "never" for each.
constexpr const char* kSwitches[] = {
    "/proc/sys/kernel/panic_on_oops",
    "/proc/sys/kernel/panic_on_warn",
    "/proc/sys/kernel/panic_on_io_nmi",
    "/proc/sys/kernel/panic_on_unrecovered_nmi",
    "/proc/sys/kernel/panic_on_stackoverflow",
    "/proc/sys/kernel/panic_on_rcu_stall",
    "/proc/sys/kernel/max_rcu_stall_to_panic",
    "/proc/sys/kernel/unknown_nmi_panic",
    "/proc/sys/kernel/softlockup_panic",
    "/proc/sys/kernel/hardlockup_panic",
    "/proc/sys/kernel/hung_task_panic",
    "/proc/sys/kernel/hung_task_timeout_secs",
    "/proc/sys/kernel/oops_limit",
    "/proc/sys/kernel/warn_limit",
    "/proc/sys/kernel/ftrace_dump_on_oops",
    "/proc/sys/kernel/panic_print",
    "/proc/sys/vm/panic_on_oom",
    "/proc/sys/vm/panic_on_unrecoverable_memory_failure",
    "/sys/module/workqueue/parameters/panic_on_stall",
    "/sys/module/workqueue/parameters/panic_on_stall_time",
    "/sys/module/smp/parameters/panic_on_ipistall",
    "/sys/module/edac_core/parameters/edac_mc_panic_on_ue",
};

constexpr const char* kThreshold = "/proc/sys/kernel/watchdog_thresh";
constexpr const char* kSoftPanic = "/proc/sys/kernel/softlockup_panic";
constexpr const char* kHardPanic = "/proc/sys/kernel/hardlockup_panic";

}  // namespace

void keep_kernel_going(System& system) {
  for (const char* path : kSwitches)
    if (system.exists(path)) (void)system.write_file(path, "0");
}

bool arm_lockup_detectors(System& system) {
  // The threshold first: a slow driver may spin for longer than the default's 20 s.
  const auto seconds = std::to_string(kLockupPatience.count() / 2000);
  if (!system.exists(kThreshold) || !system.write_file(kThreshold, seconds)) return false;
  const bool soft = system.exists(kSoftPanic) && system.write_file(kSoftPanic, "1").ok();
  const bool hard = system.exists(kHardPanic) && system.write_file(kHardPanic, "1").ok();
  return soft || hard;
}

}  // namespace mkcapture::init
