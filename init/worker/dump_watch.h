// What watches a dump being written: lines with percent, rate and time left, the supervisor's sign
// of progress, and the deadline.
#pragma once

#include <memory>

#include "init/dump/dump.h"
#include "init/system/system.h"
#include "init/targets/target.h"

namespace mkcapture::init {

/// A line every few seconds: "dump 45%: 312.0 MB in 4s, 85.2 MB/s, 5s left".
class ProgressLines final : public dump::DumpProgress {
 public:
  ProgressLines(System& system, StepReporter& steps);
  void update(std::uint64_t pages_done, std::uint64_t pages_total,
              std::uint64_t bytes_written) override;

 private:
  System& system_;
  StepReporter& steps_;
  Milliseconds started_;
  Milliseconds said_;
  std::uint64_t last_pages_ = 0;
  std::uint64_t last_bytes_ = 0;
};

/// `inner`, with each write reported to `steps`. The first write_at() after `deadline` fails with
/// ETIMEDOUT; the ones behind it pass, so that a writer can still close the dump it has begun.
[[nodiscard]] std::unique_ptr<Output> watched_output(std::unique_ptr<Output> inner,
                                                     StepReporter& steps, const Deadline& deadline);

}  // namespace mkcapture::init
