// The steps of a capture, as verdicts and logs name them.
#pragma once

namespace mkcapture {

/// The steps as a verdict's `step=` names them.
enum class Step {
  kStart,
  kDrivers,
  kDevice,
  kLink,
  kAddress,
  kConnect,
  kMount,
  kDirectory,
  kDmesg,
  kDump,
  kSync,
  kRename,
  kLog,
  kUnmount
};
[[nodiscard]] const char* to_string(Step s);

}  // namespace mkcapture
