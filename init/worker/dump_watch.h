// What watches a dump being written: lines with percent, rate and time left, the supervisor's sign
// of progress, and the deadline.
#pragma once

#include <memory>

#include "init/dump/dump.h"
#include "init/system/system.h"
#include "init/targets/target.h"

namespace mkcapture::init {

/// A line every few seconds: "dump 45%: 312.0 MB in 4s, 85.2 MB/s, 5s left", before it "page
/// descriptors 30%". Each call is progress: the engine calls where something has moved.
class ProgressLines final : public dump::DumpProgress {
 public:
  ProgressLines(System& system, StepReporter& steps);
  void update(std::uint64_t pages_done, std::uint64_t pages_total,
              std::uint64_t bytes_written) override;
  void looked_at(std::uint64_t cycles_done, std::uint64_t cycles_total) override;

 private:
  System& system_;
  StepReporter& steps_;
  Milliseconds started_;
  Milliseconds said_;
  bool dumping_ = false;  // page descriptors are still gone through, but that is no news
};

/// `inner`, with each write reported to `steps`. The first write_at() after `deadline` fails with
/// ETIMEDOUT; the ones behind it pass, so that a writer can still close the dump it has begun.
[[nodiscard]] std::unique_ptr<Output> watched_output(std::unique_ptr<Output> inner,
                                                     StepReporter& steps, const Deadline& deadline);

}  // namespace mkcapture::init
