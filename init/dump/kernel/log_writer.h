// Log records to lines of text, through a buffer, to an Output.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "init/base/result.h"
#include "init/output/output.h"

namespace mkcapture::dump {

class LogWriter {
 public:
  explicit LogWriter(Output& output) : output_(&output) {}

  /// One record: each of its lines with the time in front.
  Status record(std::uint64_t nanoseconds, std::string_view text);
  /// What is still buffered. Returns all bytes written so far.
  Result<std::uint64_t> flush();

 private:
  static constexpr std::size_t kBufferBytes = 64 << 10;

  Output* output_;
  std::string buffer_;
  std::uint64_t written_ = 0;
};

}  // namespace mkcapture::dump
