#include "init/system/linux_system.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/watchdog.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "init/base/unique_fd.h"
#include "init/system/errno_words.h"
#include "init/system/kernel_log.h"
#include "init/system/linux_directory.h"
#include "init/system/process.h"

namespace mkcapture::init {
namespace {

constexpr Milliseconds kRebootPatience{10'000};
constexpr std::size_t kMaxUevent = 16 << 10;  // the kernel's buffer is 2 KiB (UEVENT_BUFFER_SIZE)
constexpr int kUeventQueueBytes = 256 << 10;

UniqueFd open_uevents() {
  UniqueFd fd(
      socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT));
  if (!fd.valid()) return fd;
  const int bytes = kUeventQueueBytes;
  (void)setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes);
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = 1;  // the kernel's own events; 2 are udev's
  if (bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) fd.reset();
  return fd;
}

class LinuxSystem final : public System {
 public:
  explicit LinuxSystem(void (*say)(std::string_view)) : uevents_(open_uevents()), say_(say) {
    block_child_signal();
  }

  Milliseconds now() override {
    timespec t{};
    clock_gettime(CLOCK_BOOTTIME, &t);
    return Milliseconds(std::int64_t{t.tv_sec} * 1000 + t.tv_nsec / 1'000'000);
  }
  std::int64_t wall_clock() override { return time(nullptr); }
  void sleep(Milliseconds d) override {
    timespec t{};
    t.tv_sec = static_cast<time_t>(d.count() / 1000);
    t.tv_nsec = static_cast<long>(d.count() % 1000) * 1'000'000;
    while (nanosleep(&t, &t) != 0 && errno == EINTR) {
    }
  }

  Result<std::string> read_file(const std::string& path, std::size_t limit) override {
    const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd.valid()) return sys_error(path, errno);
    std::string text;
    char buffer[4096];
    for (;;) {
      const ssize_t n = read(fd.get(), buffer, sizeof buffer);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return sys_error(path, errno);
      if (n == 0) return text;
      if (text.size() + static_cast<std::size_t>(n) > limit) return sys_error(path, EFBIG);
      text.append(buffer, static_cast<std::size_t>(n));
    }
  }
  Status write_file(const std::string& path, std::string_view data) override {
    const UniqueFd fd(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (!fd.valid()) return sys_error(path, errno);
    while (!data.empty()) {
      const ssize_t n = write(fd.get(), data.data(), data.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return sys_error(path, errno);
      data.remove_prefix(static_cast<std::size_t>(n));
    }
    return {};
  }
  Result<std::vector<std::string>> list_dir(const std::string& path) override {
    DIR* dir = opendir(path.c_str());
    if (dir == nullptr) return sys_error(path, errno);
    std::vector<std::string> names;
    while (const dirent* entry = readdir(dir)) {
      const std::string_view name(entry->d_name);
      if (name != "." && name != "..") names.emplace_back(name);
    }
    closedir(dir);
    return names;
  }
  Result<std::string> read_link(const std::string& path) override {
    char buffer[4096];
    const ssize_t n = readlink(path.c_str(), buffer, sizeof buffer);
    if (n < 0) return sys_error(path, errno);
    return std::string(buffer, static_cast<std::size_t>(n));
  }
  bool exists(const std::string& path) override { return access(path.c_str(), F_OK) == 0; }
  Status make_dir(const std::string& path) override {
    if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return sys_error(path, errno);
    return {};
  }
  Status remove(const std::string& path) override {
    if (unlink(path.c_str()) != 0) return sys_error(path, errno);
    return {};
  }

  Result<std::string> read_at(const std::string& path, std::uint64_t offset,
                              std::size_t bytes) override {
    const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd.valid()) return sys_error(path, errno);
    std::string data(bytes, '\0');
    std::size_t done = 0;
    while (done < bytes) {
      const ssize_t n =
          pread(fd.get(), data.data() + done, bytes - done, static_cast<off_t>(offset + done));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return sys_error(path, errno);
      if (n == 0) break;
      done += static_cast<std::size_t>(n);
    }
    data.resize(done);
    return data;
  }
  Status control_device(const std::string& path, unsigned long request, void* data) override {
    const UniqueFd fd(open(path.c_str(), O_RDWR | O_CLOEXEC));
    if (!fd.valid()) return sys_error(path, errno);
    if (syscall(SYS_ioctl, fd.get(), request, data) != 0) return sys_error(path, errno);
    return {};
  }

  Status mount(const std::string& source, const std::string& target, const std::string& type,
               unsigned long flags, const std::string& data) override {
    if (::mount(source.c_str(), target.c_str(), type.c_str(), flags, data.c_str()) != 0) {
      return Error{errno, "mount " + source + " as " + type + ": " + errno_words(errno)};
    }
    return {};
  }
  Status unmount(const std::string& target) override {
    if (umount2(target.c_str(), 0) != 0) return sys_error("unmount " + target, errno);
    return {};
  }

  Result<std::unique_ptr<Directory>> open_directory(const std::string& path) override {
    return open_linux_directory(path);
  }
  Result<HeldDevice> hold_device(const std::string& path, std::size_t look) override {
    UniqueFd fd(open(path.c_str(), O_RDWR | O_EXCL | O_CLOEXEC));
    if (!fd.valid()) return sys_error(path, errno);
    std::string beginning(look, '\0');
    std::size_t have = 0;
    while (have < look) {
      const ssize_t n =
          pread(fd.get(), beginning.data() + have, look - have, static_cast<off_t>(have));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return sys_error(path, errno);
      if (n == 0) break;
      have += static_cast<std::size_t>(n);
    }
    beginning.resize(have);
    TRY_ASSIGN(output, file_output(fd.release(), false));
    return HeldDevice{std::move(output), std::move(beginning)};
  }

  Status load_module(const std::string& path, const std::string& params) override {
    const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd.valid()) return sys_error(path, errno);
    if (syscall(SYS_finit_module, fd.get(), params.c_str(), 0) != 0 && errno != EEXIST) {
      return sys_error(path, errno);
    }
    return {};
  }

  // Documentation/watchdog/watchdog-api.rst.
  Result<OpenWatchdog> open_watchdog(const std::string& path) override {
    UniqueFd fd(open(path.c_str(), O_WRONLY | O_CLOEXEC));
    if (!fd.valid()) return sys_error(path, errno);
    int none = 0;
    (void)ioctl(fd.get(), WDIOC_SETPRETIMEOUT, &none);
    int seconds = kWatchdogSeconds;
    (void)ioctl(fd.get(), WDIOC_SETTIMEOUT, &seconds);
    if (ioctl(fd.get(), WDIOC_GETTIMEOUT, &seconds) != 0) seconds = 0;
    return OpenWatchdog{fd.release(), seconds};
  }
  void feed_watchdog(int fd) override { (void)!write(fd, "", 1); }
  void stop_watchdog(int fd) override {
    (void)!write(fd, "V", 1);
    close(fd);
  }

  std::optional<Uevent> wait_uevent(Milliseconds limit) override {
    if (!uevents_.valid()) {
      sleep(limit);
      return std::nullopt;
    }
    const Deadline deadline(*this, limit);
    do {
      pollfd poll_fd{uevents_.get(), POLLIN, 0};
      (void)poll(&poll_fd, 1, static_cast<int>(deadline.left().count()));
      char packet[kMaxUevent];
      sockaddr_nl sender{};
      socklen_t sender_size = sizeof sender;
      const ssize_t n = recvfrom(uevents_.get(), packet, sizeof packet, 0,
                                 reinterpret_cast<sockaddr*>(&sender), &sender_size);
      if (n < 0 && errno == ENOBUFS) return Uevent{"overrun", "/", {}};
      if (n <= 0 || sender.nl_pid != 0) continue;
      if (auto event = parse_uevent({packet, static_cast<std::size_t>(n)})) return event;
    } while (!deadline.passed());
    return std::nullopt;
  }

  Result<Child> spawn(const std::vector<std::string>& argv, const std::vector<std::string>& env,
                      Pipes pipes) override {
    return spawn_program(argv, env, pipes);
  }
  Result<int> fork_worker(const std::function<int()>& work) override {
    return mkcapture::init::fork_worker(work);
  }
  std::optional<int> wait_child(int pid, Milliseconds limit) override {
    const Deadline deadline(*this, limit);
    for (;;) {
      if (const auto status = poll_child(pid)) return status;
      if (deadline.passed()) return std::nullopt;
      sleep_until_child(deadline.left());
    }
  }
  void kill_child(int pid) override {
    if (kill(-pid, SIGKILL) != 0) (void)kill(pid, SIGKILL);
  }

  void log(std::string_view line) override { say_ != nullptr ? say_(line) : log_.write(line); }
  bool has_logged(std::string_view line) override { return kernel_log_has(line); }

  void end(FinalAction action) override {
    // From a child: reboot(2) shuts down every device first, and a driver of a machine that has
    // crashed may hang there. Nothing is synced; what was saved is on the disk.
    const auto child = mkcapture::init::fork_worker([action] {
      (void)reboot(action == FinalAction::kPoweroff ? RB_POWER_OFF
                   : action == FinalAction::kHalt   ? RB_HALT_SYSTEM
                                                    : RB_AUTOBOOT);
      return 1;
    });
    if (child) (void)wait_child(*child, kRebootPatience);
    if (action != FinalAction::kHalt) {
      (void)write_file("/proc/sysrq-trigger", action == FinalAction::kPoweroff ? "o" : "b");
      sleep(kRebootPatience);
      if (action == FinalAction::kPoweroff) (void)write_file("/proc/sysrq-trigger", "b");
    }
    for (;;)
      pause();  // PID 1 must not exit
  }

 private:
  UniqueFd uevents_;
  KernelLog log_;
  void (*say_)(std::string_view);
};

}  // namespace

std::unique_ptr<System> make_linux_system(void (*say)(std::string_view)) {
  return std::make_unique<LinuxSystem>(say);
}

}  // namespace mkcapture::init
