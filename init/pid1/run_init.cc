#include "init/pid1/run_init.h"

#include "init/contract/verdict.h"
#include "init/pid1/early_mounts.h"
#include "init/pid1/kernel_switches.h"
#include "init/pid1/rounds.h"
#include "init/system/kernel_log.h"
#include "init/system/running_kernel.h"

namespace mkcapture::init {
namespace {

constexpr std::size_t kMaxCmdline = 64 << 10;
constexpr const char* kVmcorePath = "/proc/vmcore";
constexpr const char* kShell = "/bin/busybox";
/// After the deadline, for the guard of PID 1 itself.
constexpr Milliseconds kGuardAfter{15'000};

/// The baked configuration with what the command line overrides. Where it cannot be read, the
/// defaults, which have no target.
CaptureConfig load_configuration(System& system) {
  CaptureConfig config;
  auto text = system.read_file("/" + std::string(kConfigPath), kMaxConfigBytes);
  auto parsed = text ? parse_config(*text) : Result<CaptureConfig>(std::move(text).error());
  if (parsed) {
    config = *std::move(parsed);
  } else {
    system.log("configuration: " + parsed.error().message);
  }
  std::vector<std::string> complaints;
  apply_cmdline(system.read_file("/proc/cmdline", kMaxCmdline).value_or(""), config, complaints);
  for (const auto& complaint : complaints)
    system.log(complaint);
  if (is_another_kernel(system, config.kernel)) {
    system.log("the image is for kernel " + config.kernel + ", this is " + running_kernel(system) +
               ": its modules cannot be loaded; build it again");
  }
  return config;
}

/// A shell on the console, for as long as somebody uses it. /dev/console cannot interrupt what runs
/// on it; cttyhack opens the terminal behind it, in a session of its own, so that Ctrl-C works.
void run_shell(System& system) {
  system.log("a shell on the console; leaving it goes on");
  const auto shell = system.spawn({kShell, "setsid", "cttyhack", "sh"},
                                  {"PATH=/bin", "HOME=/", "TERM=linux"}, Pipes::kNone);
  if (!shell) {
    system.log("no shell: " + shell.error().message);
    return;
  }
  while (!system.wait_child(shell->pid, std::chrono::hours(1))) {
  }
}

/// The last line, and the end of this kernel.
void finish(System& system, const CaptureConfig& config, bool saved, const InitHooks& hooks,
            WatchdogFeeding& watchdogs) {
  FinalAction action = saved ? config.final_action : config.on_failure;
  system.log(done_line(saved, action));
  if (action == FinalAction::kShell) {
    if (hooks.limit) hooks.limit(Milliseconds(0));
    watchdogs.stay();
    run_shell(system);
    action = FinalAction::kReboot;
  }
  // A reboot that hangs is ended by the watchdog; a machine that is to stay down is not started.
  if (action != FinalAction::kReboot) watchdogs.stop();
  system.end(action);
}

}  // namespace

void run_init(System& system, const InitHooks& hooks) {
  // 1. /proc, /sys and /dev are there, or the error about them is the reason of the failure.
  const Status mounted = mount_early(system);

  // 2. Every line from here on reaches the kernel log and the console.
  if (hooks.open_console) (void)hooks.open_console();
  open_kernel_log_for_us(system);
  if (!mounted) system.log(mounted.error().message);

  // 3. The configuration is complete: nothing below asks where a setting comes from.
  const CaptureConfig config = load_configuration(system);

  WatchdogFeeding watchdogs(system, config);

  // 4. There is a crashed kernel's memory; without it nothing is touched.
  if (!system.exists(kVmcorePath)) {
    system.log(std::string("there is no ") + kVmcorePath +
               ": this kernel was not started by a crash");
    return finish(system, config, false, hooks, watchdogs);
  }

  // 5. Nothing but a true panic ends this kernel, and no driver has been loaded before.
  keep_kernel_going(system);

  // 6. A watchdog that the crashed system had armed is fed; what spins from here on is ended.
  if (hooks.keep_watchdogs) watchdogs.start(hooks.keep_watchdogs);

  // 7. Whoever asked for a shell before the dump has left it. Time counts from here.
  if (config.shell) {
    watchdogs.stay();
    run_shell(system);
  }
  const Deadline deadline(system, config.deadline);
  watchdogs.alive(deadline);
  if (hooks.limit) hooks.limit(config.deadline + kGuardAfter);

  // 8. One target has the dump, or each was tried, again while that could help, and has its
  // verdict.
  const bool saved = try_targets(system, config, deadline, hooks, [&](bool goes_on) {
    if (!goes_on) return watchdogs.alive(deadline);
    // A default deadline does not end a dump that moves: `stall` is the limit then.
    watchdogs.alive(Deadline(system, config.stall + kGuardAfter));
    if (hooks.limit) hooks.limit(deadline.left() + config.stall + 2 * kGuardAfter);
  });

  // 9. The machine leaves this kernel.
  finish(system, config, saved, hooks, watchdogs);
}

}  // namespace mkcapture::init
