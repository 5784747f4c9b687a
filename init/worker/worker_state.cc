#include "init/worker/worker_state.h"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>

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

void WorkerState::give_verdict(System& system, bool saved, std::string_view line) {
  auto none = Verdict::kNone;
  if (!verdict_.compare_exchange_strong(none, saved ? Verdict::kSaved : Verdict::kFailed)) return;
  const std::size_t size = std::min(line.size(), sizeof line_ - 1);
  std::memcpy(line_, line.data(), size);
  line_[size] = '\0';
  has_line_.store(true);
  system.log(line);
  logged_.store(true);
}

void WorkerState::finish_verdict(System& system) {
  if (!has_line_.load() || logged_.exchange(true)) return;
  system.log(line_);
}

}  // namespace mkcapture::init
