// System: what /init asks of the kernel, as an interface, so that the tests can script every
// answer, errno and passing second (tests/fakes/fake_system.h). linux_system.cc is the real one.
// No call throws; none blocks longer than the time that it is given, file I/O on a hung device
// apart, which is why every target runs in a process of its own (supervisor.h).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "init/base/result.h"
#include "init/base/units.h"
#include "init/contract/capture_config.h"
#include "init/system/directory.h"

namespace mkcapture::init {

/// A uevent of the kernel ("add@/devices/...", then KEY=VALUE): lib/kobject_uevent.c. The action
/// "overrun" stands for events that were lost since nobody fetched them in time.
struct Uevent {
  std::string action;
  std::string devpath;
  std::vector<std::pair<std::string, std::string>> keys;
  [[nodiscard]] std::string_view get(std::string_view key) const;
};
/// Nothing where the packet is not one of the kernel's: no "ACTION@/DEVPATH" first, or a text
/// without its final zero. Lines without '=' are passed over.
[[nodiscard]] std::optional<Uevent> parse_uevent(std::string_view packet);

/// A block device that is held exclusively.
struct HeldDevice {
  std::unique_ptr<Output> output;
  std::string beginning;  // what its first bytes are now
};

/// A child process. Descriptors are -1 where not asked for.
struct Child {
  int pid = -1;
  int in = -1;   // write end of its standard input
  int out = -1;  // read end of its standard output
  int err = -1;  // read end of its standard error
};
enum class Pipes { kNone, kInOut, kInOutErr };

/// An open watchdog and the time-out that it has.
struct OpenWatchdog {
  int fd = -1;
  int seconds = 0;
};
/// What a watchdog's time-out is set to: more than any wait of a process that may still run.
inline constexpr int kWatchdogSeconds = 60;

class System {
 public:
  virtual ~System() = default;

  // Time since boot (CLOCK_BOOTTIME), and seconds since 1970 by the hardware clock, UTC.
  [[nodiscard]] virtual Milliseconds now() = 0;
  [[nodiscard]] virtual std::int64_t wall_clock() = 0;
  virtual void sleep(Milliseconds d) = 0;

  // Files, by absolute path. A file of more than `limit` bytes is an error (EFBIG).
  [[nodiscard]] virtual Result<std::string> read_file(const std::string& path,
                                                      std::size_t limit) = 0;
  virtual Status write_file(const std::string& path, std::string_view data) = 0;  // creates, 0600
  [[nodiscard]] virtual Result<std::vector<std::string>> list_dir(const std::string& path) = 0;
  [[nodiscard]] virtual Result<std::string> read_link(const std::string& path) = 0;
  [[nodiscard]] virtual bool exists(const std::string& path) = 0;
  virtual Status make_dir(const std::string& path) = 0;  // 0700; EEXIST is success
  virtual Status remove(const std::string& path) = 0;

  /// Bytes of a file or block device from `offset`; fewer at its end.
  [[nodiscard]] virtual Result<std::string> read_at(const std::string& path, std::uint64_t offset,
                                                    std::size_t bytes) = 0;
  /// ioctl(2) on a device node, opened for reading and writing. What `data` must be and becomes is
  /// the request's matter (DM_*, the md ioctls).
  virtual Status control_device(const std::string& path, unsigned long request, void* data) = 0;

  virtual Status mount(const std::string& source, const std::string& target,
                       const std::string& type, unsigned long flags, const std::string& data) = 0;
  virtual Status unmount(const std::string& target) = 0;

  /// For all that is done below a folder. The error is without the path.
  [[nodiscard]] virtual Result<std::unique_ptr<Directory>> open_directory(
      const std::string& path) = 0;
  /// A block device to be overwritten, and its first `look` bytes. EBUSY where it is
  /// mounted or a part of something.
  [[nodiscard]] virtual Result<HeldDevice> hold_device(const std::string& path,
                                                       std::size_t look) = 0;

  /// finit_module. EEXIST is success.
  virtual Status load_module(const std::string& path, const std::string& params) = 0;

  /// Opens a watchdog's device, which starts it: with a time-out of kWatchdogSeconds, or what it
  /// has where it cannot have that, and no pretimeout. Closing the descriptor leaves it armed.
  [[nodiscard]] virtual Result<OpenWatchdog> open_watchdog(const std::string& path) = 0;
  virtual void feed_watchdog(int fd) = 0;
  /// Stops it where it can be stopped ("magic close"), and closes.
  virtual void stop_watchdog(int fd) = 0;

  /// The next uevent, or nothing when `limit` has passed. The socket is open since start.
  virtual std::optional<Uevent> wait_uevent(Milliseconds limit) = 0;

  /// Starts a program of the image; PATH is not searched. Descriptors without CLOEXEC are passed
  /// on.
  [[nodiscard]] virtual Result<Child> spawn(const std::vector<std::string>& argv,
                                            const std::vector<std::string>& env, Pipes pipes) = 0;
  /// fork(): the child runs `work` and exits with its value. It leads a process group and has
  /// mounts of its own, so that nothing that it started or mounted outlives it. Used by the
  /// supervisor.
  [[nodiscard]] virtual Result<int> fork_worker(const std::function<int()>& work) = 0;
  /// Exit status of the child (128+signal when it was killed) or nothing when `limit` passed.
  virtual std::optional<int> wait_child(int pid, Milliseconds limit) = 0;
  virtual void kill_child(int pid) = 0;  // SIGKILL; a worker with all that it started

  /// One line "capture: LINE" to the kernel log, and by it to the console (one copy on a serial
  /// console); no newline needed. Control characters become '?', the end of a very long line goes.
  virtual void log(std::string_view line) = 0;
  /// Whether log() has brought this line into the kernel log, by whatever process. For one that may
  /// have been killed between its decision and its line.
  [[nodiscard]] virtual bool has_logged(std::string_view line) = 0;

  /// reboot(2), falling back on sysrq-b. Returns only in tests.
  virtual void end(FinalAction action) = 0;
};

/// A point in time that every wait is bounded by.
class Deadline {
 public:
  Deadline(System& system, Milliseconds from_now)
      : system_(&system), at_(system.now() + from_now) {}
  [[nodiscard]] Milliseconds left() const {
    const auto l = at_ - system_->now();
    return l.count() > 0 ? l : Milliseconds(0);
  }
  [[nodiscard]] bool passed() const { return left().count() == 0; }
  /// The sooner of this one and `from_now`.
  [[nodiscard]] Deadline sooner(Milliseconds from_now) const {
    Deadline d(*system_, from_now);
    return d.at_ < at_ ? d : *this;
  }

 private:
  System* system_;
  Milliseconds at_;
};

}  // namespace mkcapture::init
