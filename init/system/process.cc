#include "init/system/process.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "init/base/unique_fd.h"

namespace mkcapture::init {
namespace {

constexpr int kFatalSignals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGALRM, SIGPIPE};
constexpr Milliseconds kLongestNap{200};  // another thread may have taken the signal

sigset_t child_signal() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);
  return set;
}

struct Pipe {
  UniqueFd read, write;
};
Result<Pipe> make_pipe() {
  int fds[2];
  if (pipe2(fds, O_CLOEXEC) != 0) return sys_error("pipe", errno);
  return Pipe{UniqueFd(fds[0]), UniqueFd(fds[1])};
}

std::vector<char*> as_pointers(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (const auto& text : texts)
    pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

/// What a program gets: no signal blocked, none ignored.
void reset_signals(posix_spawnattr_t& attributes) {
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  sigset_t defaults;
  sigemptyset(&defaults);
  for (const int signal : kFatalSignals)
    sigaddset(&defaults, signal);
  posix_spawnattr_setsigdefault(&attributes, &defaults);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
}

/// In a fresh worker: the first to go when memory runs out, mounts and process group of its own.
void enter_worker() {
  for (const int number : kFatalSignals) {
    if (number != SIGPIPE) signal(number, SIG_DFL);  // a closed pipe stays an error of write()
  }
  (void)setpgid(0, 0);
  const UniqueFd score(open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC));
  if (score.valid()) (void)!write(score.get(), "500", 3);
  (void)unshare(
      CLONE_NEWNS);  // where the kernel has no namespaces a later mount hides an older one
}

}  // namespace

void block_child_signal() {
  const sigset_t set = child_signal();
  (void)sigprocmask(SIG_BLOCK, &set, nullptr);
}

Result<Child> spawn_program(const std::vector<std::string>& argv,
                            const std::vector<std::string>& env, Pipes pipes) {
  Pipe in, out, err;
  const auto want = [](Pipe& pipe) -> Status {
    auto made = make_pipe();
    if (!made) return std::move(made).error();
    pipe = *std::move(made);
    return {};
  };
  if (pipes != Pipes::kNone) {
    TRY(want(in));
    TRY(want(out));
  }
  if (pipes == Pipes::kInOutErr) TRY(want(err));

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  if (in.read.valid()) posix_spawn_file_actions_adddup2(&actions, in.read.get(), 0);
  if (out.write.valid()) posix_spawn_file_actions_adddup2(&actions, out.write.get(), 1);
  if (err.write.valid()) posix_spawn_file_actions_adddup2(&actions, err.write.get(), 2);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  reset_signals(attributes);

  auto arguments = as_pointers(argv);
  auto environment = as_pointers(env);
  pid_t pid = -1;
  const int error = posix_spawn(&pid, argv.front().c_str(), &actions, &attributes, arguments.data(),
                                environment.data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) return sys_error(argv.front(), error);
  return Child{pid, in.write.release(), out.read.release(), err.read.release()};
}

Result<int> fork_worker(const std::function<int()>& work) {
  const pid_t pid = fork();
  if (pid < 0) return sys_error("fork", errno);
  if (pid == 0) {
    enter_worker();
    _exit(work());
  }
  (void)setpgid(pid, pid);  // on both sides, so that a kill right after this meets the group
  return pid;
}

std::optional<int> poll_child(int pid) {
  int status = 0;
  const pid_t ended = waitpid(pid, &status, WNOHANG);
  if (ended == 0) return std::nullopt;
  if (ended < 0) return 127;
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

void sleep_until_child(Milliseconds limit) {
  const auto nap = std::min(limit, kLongestNap);
  timespec t{};
  t.tv_nsec = static_cast<long>(nap.count()) * 1'000'000;
  const sigset_t set = child_signal();
  (void)sigtimedwait(&set, nullptr, &t);
}

}  // namespace mkcapture::init
