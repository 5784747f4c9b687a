// PID 1's half of the watchdogs: it starts the process that feeds them and says until when.
#pragma once

#include <functional>
#include <optional>

#include "init/system/system.h"
#include "init/worker/watchdog_keeper.h"

namespace mkcapture::init {

class WatchdogFeeding {
 public:
  using Keeper = std::function<int(const WatchdogContext&)>;
  WatchdogFeeding(System& system, const CaptureConfig& config) : system_(system), config_(config) {}

  /// Starts the keeper, in a process of its own, and waits for a moment until the watchdogs are
  /// fed: one that the crashed system had armed goes on counting. Where there is none, the kernel's
  /// own lockup detectors are the net. Nothing of it can fail the capture.
  void start(const Keeper& keeper);
  /// PID 1 moves: they are fed for kAhead more, never beyond `deadline`.
  void alive(const Deadline& deadline);
  /// Somebody sits at the console: they are fed for as long as that takes.
  void stay();
  /// Before an end that is no reset. Those that cannot be stopped will reset the machine.
  void stop();

  static constexpr Milliseconds kAhead{10'000};

 private:
  System& system_;
  const CaptureConfig& config_;
  WatchdogLease::Owner lease_;
  std::optional<int> keeper_;
};

}  // namespace mkcapture::init
