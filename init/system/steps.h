// How the parts of a worker say what they are doing.
#pragma once

#include <string>

#include "init/contract/step.h"

namespace mkcapture::init {

/// Where a worker says what it is doing; shared memory between it and the supervisor, which reads
/// it when the worker hangs or dies.
class StepReporter {
 public:
  virtual ~StepReporter() = default;
  virtual void enter(Step step) = 0;
  /// Something moved (bytes written, an answer came): the stall limit starts anew.
  virtual void progress() = 0;
  /// The block device that is used, and whether another path leads to the same disk.
  virtual void uses_device(const std::string& /*name*/, bool /*has_other_path*/) {}
};

}  // namespace mkcapture::init
