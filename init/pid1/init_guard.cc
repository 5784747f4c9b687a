#include "init/pid1/init_guard.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/reboot.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>

#include "init/base/unique_fd.h"

namespace mkcapture::init {
namespace {

void write_to(const char* path, std::string_view text) {
  const int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return;
  (void)!write(fd, text.data(), text.size());
  close(fd);
}

/// Only calls that are safe within a signal handler. sysrq-b comes first: unlike reboot(2) it waits
/// for no device.
extern "C" void last_resort(int number) {
  write_to("/dev/kmsg", number == SIGALRM
                            ? "<2>capture: /init hangs beyond the deadline: rebooting\n"
                            : "<2>capture: /init crashed: rebooting\n");
  write_to("/proc/sysrq-trigger", "b");
  (void)reboot(RB_AUTOBOOT);
  for (;;)
    pause();
}

}  // namespace

void guard_init() {
  struct sigaction action{};
  action.sa_handler = last_resort;
  sigfillset(&action.sa_mask);
  for (const int number : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGALRM}) {
    (void)sigaction(number, &action, nullptr);
  }
  (void)signal(SIGPIPE, SIG_IGN);
  write_to("/proc/self/oom_score_adj", "-1000");
}

void limit_init(Milliseconds longest) {
  itimerval timer{};
  timer.it_value.tv_sec = static_cast<time_t>(longest.count() / 1000);
  timer.it_value.tv_usec = static_cast<suseconds_t>(longest.count() % 1000) * 1000;
  (void)setitimer(ITIMER_REAL, &timer, nullptr);
}

Status open_console() {
  UniqueFd console(open("/dev/console", O_RDWR | O_NOCTTY));
  if (!console.valid()) return sys_error("/dev/console", errno);
  for (int fd = 0; fd <= 2; ++fd) {
    if (fd != console.get()) (void)dup2(console.get(), fd);
  }
  if (console.get() <= 2) (void)console.release();
  return {};
}

}  // namespace mkcapture::init
