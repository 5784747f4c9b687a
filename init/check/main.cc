// target-check: one target of an image, tried on the machine that runs. For `mkcapture check`,
// which has put the image's programs, keys and configuration into a folder.
//
//   target-check DIR NUMBER     the NUMBERth target, from 0, of DIR/etc/capture.conf
//
// Standard output: the log's lines as a capture would have them, and last one of
//   good FREE NOTE              FREE: bytes, or -
//   failed STEP KIND ERRNO REASON    KIND: ErrorKind as a number
// Exit status 0 either way; 2 where there is nothing to try.
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include "init/check/check_target.h"
#include "init/system/linux_system.h"

namespace mkcapture::init {
namespace {

/// For a server in its grace period; then for one that has stopped answering to be killed.
constexpr Milliseconds kLimit{120'000};
constexpr Milliseconds kGrace{5'000};
constexpr Milliseconds kKillPatience{1'000};

void say(std::string_view line) {
  std::string text(line);
  for (char& c : text)
    if (c == '\n') c = ' ';
  text += '\n';
  (void)!write(STDOUT_FILENO, text.data(), text.size());
}

/// This process alone sees `folder` as the root, with the machine's /dev, /proc and /sys
/// beside the image's files; what it mounts and how it is called stays its own.
Status enter(const std::string& folder) {
  const auto failed = [](const char* what) { return sys_error(what, errno); };
  // A host's name is set by the NFS target: servers tell clients apart by it.
  if (unshare(CLONE_NEWNS | CLONE_NEWUTS) != 0) return failed("namespaces");
  if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return failed("mounts");
  // /run, where the folder is, may allow no programs.
  const char* root = folder.c_str();
  if (mount(root, root, nullptr, MS_BIND, nullptr) != 0 ||
      mount(nullptr, root, nullptr, MS_BIND | MS_REMOUNT | MS_NOSUID, nullptr) != 0) {
    return failed(root);
  }
  for (const char* name : {"/dev", "/proc", "/sys"}) {
    const std::string at = folder + name;
    if (mkdir(at.c_str(), 0755) != 0 && errno != EEXIST) return failed(at.c_str());
    if (mount(name, at.c_str(), nullptr, MS_BIND | MS_REC, nullptr) != 0) return failed(name);
  }
  if (chroot(root) != 0 || chdir("/") != 0) return failed(root);
  return {};
}

void say_failed(Step step, const Error& why) {
  say("failed " + std::string(to_string(step)) + " " + std::to_string(static_cast<int>(why.kind)) +
      " " + std::to_string(why.code) + " " + why.message);
}

int check(const std::string& folder, std::size_t number) {
  utsname machine{};
  uname(&machine);
  if (const auto entered = enter(folder); !entered) {
    say_failed(Step::kStart, entered.error());
    return 0;
  }
  const auto system = make_linux_system(say);
  auto text = system->read_file("/" + std::string(kConfigPath), kMaxConfigBytes);
  auto config = text ? parse_config(*text) : Result<CaptureConfig>(std::move(text).error());
  auto state = WorkerState::create();
  if (!config || !state || number >= config->targets.size()) {
    std::fprintf(stderr, "target-check: %s: no such target\n", folder.c_str());
    return 2;
  }
  const auto worker = system->fork_worker([&] {
    const CheckEnd end = check_target({*system, *config, config->targets[number], **state,
                                       machine.nodename, Deadline(*system, kLimit)});
    if (!end.status) {
      say_failed((*state)->step(), end.status.error());
    } else {
      say("good " + (end.free ? std::to_string(end.free->free) : "-") + " " + end.note);
    }
    return 0;
  });
  if (!worker) {
    say_failed(Step::kStart, worker.error());
    return 0;
  }
  const auto ended = system->wait_child(*worker, kLimit + kGrace);
  system->kill_child(*worker);
  if (!ended) {
    (void)system->wait_child(*worker, kKillPatience);
    say_failed((*state)->step(),
               sys_error("not done after " + format_duration(kLimit) + ", and hanging", ETIMEDOUT));
  } else if (*ended != 0) {
    say_failed((*state)->step(), fail("ended with status " + std::to_string(*ended)));
  }
  return 0;
}

}  // namespace
}  // namespace mkcapture::init

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("usage: target-check DIR NUMBER (mkcapture check runs it)\n", stderr);
    return 2;
  }
  signal(SIGPIPE, SIG_IGN);
  return mkcapture::init::check(argv[1], std::strtoul(argv[2], nullptr, 10));
}
