// The process that feeds the watchdogs. PID 1 never touches a device: a watchdog's driver may hang
// as any other's. It says by shared memory until when they may be fed, a few seconds ahead at most
// and never beyond the deadline; when it falls silent, or the kernel spins so that nobody runs, the
// hardware resets the machine.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "init/contract/capture_config.h"
#include "init/system/system.h"

namespace mkcapture::init {

class WatchdogLease {
 public:
  struct Unmap {
    void operator()(WatchdogLease* lease) const noexcept;
  };
  using Owner = std::unique_ptr<WatchdogLease, Unmap>;
  /// Shared with every process that is forked from here on.
  [[nodiscard]] static Result<Owner> create();

  // PID 1's side. The time is System::now().
  void feed_until(Milliseconds time) { until_.store(time.count()); }
  void stop() { stop_.store(true); }
  enum class Found : int { kNotYet, kNone, kSome };
  [[nodiscard]] Found found() const { return found_.load(); }

  // The keeper's side.
  [[nodiscard]] bool may_feed(Milliseconds now) const { return now.count() < until_.load(); }
  [[nodiscard]] bool must_stop() const { return stop_.load(); }
  void set_found(Found found) { found_.store(found); }

 private:
  std::atomic<std::int64_t> until_{0};
  std::atomic<bool> stop_{false};
  std::atomic<Found> found_{Found::kNotYet};
};

struct WatchdogContext {
  System& system;
  const CaptureConfig& config;
  WatchdogLease& lease;
};

/// Far below any time-out; what was left of it at the crash may be little.
inline constexpr Milliseconds kFeedEvery{1'000};
/// For a driver that makes its device by and by (IPMI asks the management controller first).
inline constexpr Milliseconds kWatchdogPatience{15'000};

/// The image has drivers of watchdogs, or a device of one is there already.
[[nodiscard]] bool has_watchdogs_to_keep(System& system, const CaptureConfig& config);

/// Loads the watchdogs' drivers, opens what appears, feeds it while the lease lasts. Returns when
/// there is nothing to feed, and once it was told to stop; watchdogs stay armed otherwise.
[[nodiscard]] int keep_watchdogs(const WatchdogContext& context);

}  // namespace mkcapture::init
