#include "init/pid1/rounds.h"

#include <algorithm>
#include <string>
#include <vector>

#include "init/contract/verdict.h"
#include "init/pid1/supervisor.h"
#include "init/worker/again.h"

namespace mkcapture::init {
namespace {

/// Before the deadline, for a worker to close its dump and for the reboot.
constexpr Milliseconds kWrapUp{5'000};
/// In place of a deadline that a dump may exceed.
constexpr Milliseconds kOpenEnd = std::chrono::hours(24 * 365);

/// What is known of a target from the tries before.
struct Tried {
  bool over = false;                     // it has its verdict
  std::string verdict;                   // kept back: the target is to be tried again
  std::vector<std::string> passed_over;  // devices that failed, while there was another path
  int dumps = 0;                         // tries that came as far as the dump
};

class Rounds {
 public:
  Rounds(System& system, const CaptureConfig& config, const Deadline& deadline,
         const InitHooks& hooks, const std::function<void(bool)>& look)
      : system_(system),
        config_(config),
        deadline_(deadline),
        hooks_(hooks),
        look_(look),
        tried_(config.targets.size()) {}

  bool run() {
    for (int round = 1;; ++round) {
      const Milliseconds began = system_.now();
      for (std::size_t i = 0; i < tried_.size(); ++i) {
        if (tried_[i].over) continue;
        if (deadline_.passed()) {
          if (tried_[i].verdict.empty())
            system_.log("the deadline has passed: " + to_string(config_.targets[i].spec) +
                        " is not tried");
          continue;
        }
        if (try_by_each_path(i)) return true;
      }
      const auto open = std::count_if(tried_.begin(), tried_.end(),
                                      [](const Tried& tried) { return !tried.over; });
      const auto pause = std::max(kLeastRound - (system_.now() - began), Milliseconds(0));
      if (open == 0 || deadline_.left() < pause + kLeastTry + kWrapUp) break;
      rest(pause);
      system_.log("round " + std::to_string(round + 1) + ": " + std::to_string(open) +
                  (open == 1 ? " target is" : " targets are") + " tried again, " +
                  format_duration(Milliseconds(deadline_.left().count() / 1000 * 1000)) + " left");
    }
    say_kept();
    return false;
  }

 private:
  [[nodiscard]] std::vector<std::string> kept() const {
    std::vector<std::string> lines;
    for (const auto& tried : tried_)
      if (!tried.verdict.empty()) lines.push_back(tried.verdict);
    return lines;
  }
  void say_kept() {
    for (const auto& line : kept())
      system_.log(line);
  }

  void rest(Milliseconds pause) {
    constexpr Milliseconds kLook{1'000};
    for (; pause.count() > 0; pause -= std::min(pause, kLook)) {
      look_(false);
      system_.sleep(std::min(pause, kLook));
    }
  }

  /// A target, by another path at once where one has failed.
  bool try_by_each_path(std::size_t i) {
    Tried& tried = tried_[i];
    for (;;) {
      tried.verdict.clear();  // this try gives it, or keeps it back again
      std::string failed_path;
      if (try_once(i, failed_path)) return true;
      if (tried.over || failed_path.empty() || deadline_.left() < kLeastTry + kWrapUp) break;
      tried.passed_over.push_back(failed_path);
      system_.log(to_string(config_.targets[i].spec) + " is tried again by another path than " +
                  failed_path);
    }
    tried.passed_over.clear();  // a path may have come back by the next round
    return false;
  }

  /// `failed_path`: the device, where another one leads to the same disk.
  bool try_once(std::size_t i, std::string& failed_path) {
    Tried& tried = tried_[i];
    const TargetEntry& entry = config_.targets[i];
    system_.log("target " + to_string(entry.spec));
    auto state = WorkerState::create();
    if (!state) {
      system_.log(failed_line(entry.spec, Step::kStart, state.error().message));
      tried.over = true;
      return false;
    }
    if (config_.debug) (*state)->log_steps_to(system_);
    const auto left = deadline_.left();
    // The last try that a target may have says its verdict itself.
    const bool last = tried.dumps + 1 >= kMostDumps;
    const Deadline own(system_, config_.deadline_extends ? kOpenEnd
                                : left > 2 * kWrapUp     ? left - kWrapUp
                                                         : left / 2);
    const auto verdicts_before = kept();
    const SaveContext context{system_,         config_,           entry,           **state, own,
                              verdicts_before, tried.passed_over, something_hangs_};
    const TryEnd end = supervise(
        system_, entry.spec, **state,
        {deadline_, config_.wait, config_.stall, config_.deadline_extends},
        [&] { return hooks_.save(context); },
        [&] { look_(config_.deadline_extends && (*state)->ready()); });
    // The probe of a disk may be under way for minutes: nothing waits for it from here on.
    something_hangs_ |= end.hung || (!end.saved && needs(entry.spec).device);
    if (end.saved) {
      (*state)->say_verdicts_before(system_, verdicts_before);
      return true;
    }
    const bool dumped = (*state)->ready() && (*state)->step() >= Step::kDump;
    if (dumped) ++tried.dumps;
    tried.verdict = (*state)->kept_line();
    if (!tried.verdict.empty() && dumped && last) {
      system_.log(tried.verdict);
      tried.verdict.clear();
    }
    tried.over = tried.verdict.empty();
    if ((*state)->has_other_path() && (*state)->step() >= Step::kMount)
      failed_path = (*state)->device();
    return false;
  }

  System& system_;
  const CaptureConfig& config_;
  const Deadline& deadline_;
  const InitHooks& hooks_;
  const std::function<void(bool)>& look_;
  std::vector<Tried> tried_;
  bool something_hangs_ = false;
};

}  // namespace

bool try_targets(System& system, const CaptureConfig& config, const Deadline& deadline,
                 const InitHooks& hooks, const std::function<void(bool)>& look) {
  if (config.targets.empty()) system.log("no target is configured");
  return Rounds(system, config, deadline, hooks, look).run();
}

}  // namespace mkcapture::init
