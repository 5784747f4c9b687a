#include "init/worker/worker_state.h"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>

#include "init/contract/verdict.h"

namespace mkcapture::init {

void WorkerState::Unmap::operator()(WorkerState* state) const noexcept {
  state->~WorkerState();
  munmap(state, sizeof *state);
}

Result<WorkerState::Owner> WorkerState::create() {
  void* memory =
      mmap(nullptr, sizeof(WorkerState), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return sys_error("shared memory", errno);
  return Owner(new (memory) WorkerState);
}

void WorkerState::enter(Step step) {
  step_.store(step);
  progress();
  if (steps_log_ != nullptr) steps_log_->log(std::string("step ") + to_string(step));
}

void WorkerState::uses_device(const std::string& name, bool has_other_path) {
  const std::size_t size = std::min(name.size(), sizeof device_ - 1);
  std::memcpy(device_, name.data(), size);
  device_[size] = '\0';
  has_other_path_.store(has_other_path);
  has_device_.store(true);
}

void WorkerState::give_verdict(System& system, bool saved, std::string_view line) {
  decide(system, saved ? Verdict::kSaved : Verdict::kFailed, line);
}

void WorkerState::give_up_for_now(System& system, std::string_view failed_line) {
  decide(system, Verdict::kNotYet, failed_line);
}

void WorkerState::say_verdicts_before(System& system, const std::vector<std::string>& lines) {
  if (said_before_.exchange(true)) return;
  for (const auto& line : lines)
    system.log(line);
}

std::string WorkerState::kept_line() const {
  return verdict_.load() == Verdict::kNotYet ? line_ : "";
}

void WorkerState::decide(System& system, Verdict verdict, std::string_view line) {
  if (has_verdict()) return;
  // The line before the decision: whoever sees the one can say the other.
  const std::size_t size = std::min(line.size(), sizeof line_ - 1);
  std::memcpy(line_, line.data(), size);
  line_[size] = '\0';
  auto none = Verdict::kNone;
  if (!verdict_.compare_exchange_strong(none, verdict)) return;
  system.log(verdict == Verdict::kNotYet ? not_yet_line(line_) : std::string(line));
  logged_.store(true);
}

void WorkerState::finish_verdict(System& system) {
  if (!has_verdict() || logged_.exchange(true)) return;
  const std::string line = verdict_.load() == Verdict::kNotYet ? not_yet_line(line_) : line_;
  // Killed right behind the line, or right before it: the kernel's log knows.
  if (!system.has_logged(line)) system.log(line);
}

}  // namespace mkcapture::init
