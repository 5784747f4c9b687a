// What a worker does: one target, from its drivers to a saved dump.
#pragma once

#include <functional>

#include "init/contract/capture_config.h"
#include "init/dump/dump.h"
#include "init/system/system.h"
#include "init/targets/target.h"
#include "init/worker/space.h"
#include "init/worker/worker_state.h"

namespace mkcapture::init {

using DumpWriter = std::function<Result<dump::DumpReport>(
    dump::Vmcore&, Output&, const dump::DumpOptions&, dump::DumpProgress&)>;

struct SaveContext {
  System& system;
  const CaptureConfig& config;
  const TargetEntry& entry;
  WorkerState& state;
  Deadline deadline;  // when the worker must have ended by itself
  /// Of earlier tries: the verdicts that were put off, the devices that failed, and whether
  /// something hangs in the kernel, so that no module waits for its probe.
  std::vector<std::string> verdicts_before = {};
  std::vector<std::string> passed_over = {};
  bool probes_hang = false;
};

/// The parts that do the work; the tests put others in.
struct SaveParts {
  std::function<Result<std::unique_ptr<dump::Vmcore>>()> open_vmcore;
  std::function<std::unique_ptr<Target>(const TargetSpec&, const TargetContext&)> make_target;
  Forecast forecast;
  DumpWriter write_dump;
  std::function<Status(Output&)> copy_kernel_log;
};
[[nodiscard]] SaveParts real_parts();

/// Gives the verdict by context.state and returns the worker's exit status: 0 saved, 1 failed.
[[nodiscard]] int save_to_target(const SaveContext& context, const SaveParts& parts);

}  // namespace mkcapture::init
