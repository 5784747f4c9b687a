// Calls a DumpProgress a few times a second, however often it is fed.
#pragma once

#include <chrono>
#include <cstdint>

#include "init/dump/dump.h"

namespace mkcapture::dump {

class ProgressMeter {
 public:
  ProgressMeter(DumpProgress& progress, std::uint64_t pages_total)
      : progress_(progress), pages_total_(pages_total) {}

  void update(std::uint64_t pages_done, std::uint64_t bytes_written) {
    const auto now = std::chrono::steady_clock::now();
    if (now - last_ < std::chrono::milliseconds(250)) return;
    last_ = now;
    progress_.update(pages_done, pages_total_, bytes_written);
  }

 private:
  DumpProgress& progress_;
  std::uint64_t pages_total_;
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

}  // namespace mkcapture::dump
