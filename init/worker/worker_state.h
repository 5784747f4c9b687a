// What a worker tells the process that watches it: its step, that it moves, its verdict. Lies in
// memory that both share, so it can be read however the worker ended.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "init/base/result.h"
#include "init/system/steps.h"
#include "init/system/system.h"

namespace mkcapture::init {

class WorkerState final : public StepReporter {
 public:
  struct Unmap {
    void operator()(WorkerState* state) const noexcept;
  };
  using Owner = std::unique_ptr<WorkerState, Unmap>;
  /// Shared with every process that is forked from here on.
  [[nodiscard]] static Result<Owner> create();

  /// capture.debug: each step also is a line of the log.
  void log_steps_to(System& system) { steps_log_ = &system; }

  // The worker's side.
  void enter(Step step) override;
  void progress() override { moves_.fetch_add(1, std::memory_order_relaxed); }
  /// The target is open: from here on `stall` limits it, no longer `wait`.
  void set_ready() { ready_.store(true); }
  void uses_device(const std::string& name, bool has_other_path) override;

  // The watching side.
  [[nodiscard]] Step step() const { return step_.load(); }
  [[nodiscard]] std::uint64_t moves() const { return moves_.load(std::memory_order_relaxed); }
  [[nodiscard]] bool ready() const { return ready_.load(); }
  /// The block device that the worker uses; empty where it has found none.
  [[nodiscard]] std::string device() const { return has_device_.load() ? device_ : ""; }
  [[nodiscard]] bool has_other_path() const { return has_other_path_.load(); }

  /// The worker's side, once: logs `line` as the target's verdict, unless the other side has closed
  /// the matter.
  void give_verdict(System& system, bool saved, std::string_view line);
  /// Both sides, likewise: this try has failed, and the target will be tried again. `failed_line`
  /// is kept for when it is not; logged is not_yet_line().
  void give_up_for_now(System& system, std::string_view failed_line);
  /// The worker's side, before it says "saved": the verdicts on targets that were tried before.
  void say_verdicts_before(System& system, const std::vector<std::string>& lines);
  /// Once the worker has ended: its verdict, if it came to one, is in the log after it, once,
  /// wherever the worker was killed.
  void finish_verdict(System& system);
  [[nodiscard]] bool has_verdict() const { return verdict_.load() != Verdict::kNone; }
  [[nodiscard]] bool saved() const { return verdict_.load() == Verdict::kSaved; }
  /// The verdict on a target that is to be tried again; empty where it is not.
  [[nodiscard]] std::string kept_line() const;
  [[nodiscard]] bool said_verdicts_before() const { return said_before_.load(); }

 private:
  enum class Verdict : int { kNone, kSaved, kFailed, kNotYet };
  void decide(System& system, Verdict verdict, std::string_view line);

  std::atomic<Step> step_{Step::kStart};
  std::atomic<std::uint64_t> moves_{0};
  std::atomic<bool> ready_{false};
  std::atomic<Verdict> verdict_{Verdict::kNone};
  std::atomic<bool> logged_{false};
  char line_[1024] = {};
  std::atomic<bool> said_before_{false};
  std::atomic<bool> has_device_{false};
  std::atomic<bool> has_other_path_{false};
  char device_[64] = {};
  System* steps_log_ = nullptr;  // of this process; a forked one has it at the same address
};

}  // namespace mkcapture::init
