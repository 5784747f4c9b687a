// Patience: a system call of this thread may take long without that being a fault, as where the
// kernel repeats a request by itself. Until then a thread says that this process is alive.
#pragma once

#include <pthread.h>

#include <string>

#include "init/base/unique_fd.h"
#include "init/system/steps.h"
#include "init/system/system.h"

namespace mkcapture::init {

class Patience {
 public:
  /// Calls `steps.progress()` a few times a second for `limit`, until this ends, and logs `words`
  /// once after five seconds. Where no thread can be had, the usual limits hold.
  Patience(System& system, StepReporter& steps, std::string words, Milliseconds limit);
  Patience(const Patience&) = delete;
  Patience& operator=(const Patience&) = delete;
  ~Patience();

 private:
  void run();

  System& system_;
  StepReporter& steps_;
  std::string words_;
  Milliseconds limit_;
  UniqueFd over_;  // an eventfd
  bool has_thread_ = false;
  pthread_t thread_{};
};

}  // namespace mkcapture::init
