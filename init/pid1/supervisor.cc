#include "init/pid1/supervisor.h"

#include <algorithm>
#include <optional>

#include "init/contract/verdict.h"

namespace mkcapture::init {
namespace {

constexpr Milliseconds kPoll{500};
constexpr Milliseconds kSilence{5'000};  // a line at least so often, also when nothing moves

/// In words, how a worker without a verdict ended.
std::string how_it_ended(int status) {
  if (status == 128 + 9) return "the worker was killed: out of memory";
  if (status > 128) return "the worker crashed with signal " + std::to_string(status - 128);
  return "the worker ended with status " + std::to_string(status);
}

/// The time that has passed since the worker last moved.
class Silence {
 public:
  Silence(System& system, const WorkerState& state)
      : system_(system), state_(state), moves_(state.moves()), since_(system.now()) {}

  [[nodiscard]] Milliseconds lasts() {
    if (const auto moves = state_.moves(); moves != moves_) {
      moves_ = moves;
      since_ = said_ = system_.now();
    }
    return system_.now() - since_;
  }
  /// A line for who looks at the console, every kSilence.
  void say() {
    if (lasts() < kSilence || system_.now() - said_ < kSilence) return;
    said_ = system_.now();
    system_.log(std::string("step ") + to_string(state_.step()) + ": nothing for " +
                std::to_string(lasts().count() / 1000) + " s");
  }

 private:
  System& system_;
  const WorkerState& state_;
  std::uint64_t moves_;
  Milliseconds since_;
  Milliseconds said_{0};
};

/// The limit that is broken, in words, or nothing.
std::optional<std::string> broken_limit(const WorkerState& state, const WorkerLimits& limits,
                                        Milliseconds runs, Milliseconds silent) {
  if (limits.deadline.passed()) return "the deadline of the capture has passed";
  if (!state.ready() && runs >= limits.wait + kWorkerGrace) {
    return "not ready after " + format_duration(limits.wait) + ", and hanging";
  }
  if (state.ready() && silent >= limits.stall + kWorkerGrace) {
    return "no progress for " + format_duration(limits.stall);
  }
  return std::nullopt;
}

}  // namespace

bool supervise(System& system, const TargetSpec& target, WorkerState& state,
               const WorkerLimits& limits, const std::function<int()>& work,
               const std::function<void()>& look) {
  const auto give_up = [&](std::string_view reason) {
    state.give_verdict(system, false, failed_line(target, state.step(), reason));
  };
  const auto pid = system.fork_worker(work);
  if (!pid) {
    give_up(pid.error().message);
    return false;
  }

  const Milliseconds started = system.now();
  Silence silence(system, state);
  std::optional<int> status;
  std::optional<std::string> broken;
  while (!status && !broken) {
    look();
    status = system.wait_child(*pid, std::min(kPoll, limits.deadline.left()));
    if (status) break;
    silence.say();
    broken = broken_limit(state, limits, system.now() - started, silence.lasts());
  }

  system.kill_child(*pid);  // also what a worker that has ended may have left running
  if (!status && !system.wait_child(*pid, kKillPatience)) {
    system.log("the worker does not end, it waits within the kernel: left behind");
  }
  state.finish_verdict(system);
  give_up(status ? how_it_ended(*status) : *broken);
  return state.saved();
}

}  // namespace mkcapture::init
