#include "init/pid1/supervisor.h"

#include <algorithm>
#include <optional>

#include "init/contract/verdict.h"
#include "init/worker/again.h"

namespace mkcapture::init {
namespace {

constexpr Milliseconds kPoll{500};
constexpr Milliseconds kSilence{5'000};  // a line at least so often, also when nothing moves

/// In words, how a worker without a verdict ended.
std::string how_it_ended(int status) {
  if (status == 128 + 9) return "the worker was killed: an oops of its driver, or no memory";
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

/// The limit that is broken, in words, or nothing. `preparing`: since the drivers are loaded, or
/// since the start.
std::optional<std::string> broken_limit(const WorkerState& state, const WorkerLimits& limits,
                                        Milliseconds preparing, Milliseconds silent) {
  const bool goes_on = limits.extends && state.ready();
  if (limits.deadline.passed() && !goes_on) return "the deadline of the capture has passed";
  if (state.ready()) {
    if (silent < limits.stall + kWorkerGrace) return std::nullopt;
    return "no progress for " + format_duration(limits.stall);
  }
  if (state.step() == Step::kDrivers) {
    const auto patience = std::max(limits.wait, kDriverPatience);
    if (silent < patience + kWorkerGrace) return std::nullopt;
    return "no driver loaded for " + format_duration(patience) + ", and hanging";
  }
  if (preparing < limits.wait + kWorkerGrace) return std::nullopt;
  return "not ready after " + format_duration(limits.wait) + ", and hanging";
}

}  // namespace

TryEnd supervise(System& system, const TargetSpec& target, WorkerState& state,
                 const WorkerLimits& limits, const std::function<int()>& work,
                 const std::function<void()>& look) {
  const auto give_up = [&](std::string_view reason, ErrorKind kind) {
    const std::string line = failed_line(target, state.step(), reason);
    if (kind == ErrorKind::kTimedOut && limits.deadline.left() >= kLeastTry &&
        worth_another_try(state.step(), fail(kind, std::string(reason)), state.has_other_path())) {
      state.give_up_for_now(system, line);
    } else {
      state.give_verdict(system, false, line);
    }
  };
  const auto pid = system.fork_worker(work);
  if (!pid) {
    give_up(pid.error().message, ErrorKind::kBroken);
    return {};
  }

  Milliseconds prepares_since = system.now();
  Silence silence(system, state);
  std::optional<int> status;
  std::optional<std::string> broken;
  while (!status && !broken) {
    look();
    const auto left = limits.deadline.left();
    status = system.wait_child(*pid, left.count() > 0 ? std::min(kPoll, left) : kPoll);
    if (status) break;
    silence.say();
    if (state.step() == Step::kDrivers) prepares_since = system.now();
    broken = broken_limit(state, limits, system.now() - prepares_since, silence.lasts());
  }

  system.kill_child(*pid);  // also what a worker that has ended may have left running
  if (!status && !system.wait_child(*pid, kKillPatience)) {
    system.log("the worker does not end, it waits within the kernel: left behind");
  }
  state.finish_verdict(system);
  if (status) {
    give_up(how_it_ended(*status), ErrorKind::kBroken);
  } else {
    give_up(*broken, ErrorKind::kTimedOut);
  }
  return {state.saved(), !status};
}

}  // namespace mkcapture::init
