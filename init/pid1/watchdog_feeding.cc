#include "init/pid1/watchdog_feeding.h"

#include <algorithm>

#include "init/pid1/kernel_switches.h"

namespace mkcapture::init {
namespace {

constexpr Milliseconds kStartPatience{3'000};  // a driver that hangs delays the dump by so much
constexpr Milliseconds kPoll{20};
constexpr Milliseconds kStopPatience{3'000};

}  // namespace

void WatchdogFeeding::start(const Keeper& keeper) {
  using Found = WatchdogLease::Found;
  Found found = Found::kNone;
  if (has_watchdogs_to_keep(system_, config_)) {
    auto lease = WatchdogLease::create();
    if (lease) {
      lease_ = *std::move(lease);
      lease_->feed_until(system_.now() + kAhead);
      const auto pid =
          system_.fork_worker([this, &keeper] { return keeper({system_, config_, *lease_}); });
      if (pid) keeper_ = *pid;
    }
    const Deadline patience(system_, kStartPatience);
    while (keeper_ && lease_->found() == Found::kNotYet && !patience.passed())
      if (system_.wait_child(*keeper_, kPoll)) keeper_.reset();
    if (lease_) found = lease_->found();
  }
  if (found == Found::kSome) return;
  if (arm_lockup_detectors(system_))
    system_.log("no watchdog: the kernel's lockup detectors end a CPU that spins, within " +
                format_duration(kLockupEnd));
}

void WatchdogFeeding::alive(const Deadline& deadline) {
  if (lease_) lease_->feed_until(system_.now() + std::min(kAhead, deadline.left()));
}

void WatchdogFeeding::stay() {
  if (lease_) lease_->feed_until(Milliseconds::max());
}

void WatchdogFeeding::stop() {
  if (!lease_ || !keeper_) return;
  lease_->stop();
  (void)system_.wait_child(*keeper_, kStopPatience);
}

}  // namespace mkcapture::init
