// Hardware watchdogs: timers that reset the machine unless they are fed. One that the crashed
// system had armed goes on counting through the crash.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "init/system/system.h"

namespace mkcapture::init {

/// There are watchdog devices, or their driver may still make one: /sys/class/watchdog, or the
/// /dev/watchdog of a driver outside of that class (ipmi_watchdog).
[[nodiscard]] bool has_watchdog(System& system);

/// The watchdog devices of this machine, opened. To open one is to start it.
class Watchdogs {
 public:
  explicit Watchdogs(System& system) : system_(system) {}

  /// Opens those that have appeared since: each once, with as open_watchdog() does. A pretimeout is
  /// off then: its governor may panic. A line for each.
  void open_new();
  void feed();
  /// Stops those that can be stopped, for an end that is no reset.
  void stop();
  [[nodiscard]] bool empty() const { return fds_.empty(); }

 private:
  void open(const std::string& path, const std::string& name);

  System& system_;
  std::set<std::string> seen_;
  std::vector<int> fds_;
};

}  // namespace mkcapture::init
