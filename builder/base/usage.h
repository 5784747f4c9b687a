// What every file of the host tool uses: the shared Result, and which errors are the user's.
//
// Exit status (SPEC): 2 where what was asked for is wrong (options, configuration, names in them),
// 1 where it was right and building failed. An Error carries which one it is in its code: steps
// add context with within(), and run.cc alone turns the error into a line and a status.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "init/base/result.h"

namespace mkcapture {

/// Not an errno: marks errors of usage and configuration.
inline constexpr int kUsageError = -2;

/// "what: why", exit status 2. `what` names the option or "file:line: key".
[[nodiscard]] inline Error usage_error(std::string_view what, std::string_view why) {
  return {kUsageError, std::string(what) + ": " + std::string(why)};
}
/// The same error, blamed on what the user gave.
[[nodiscard]] inline Error as_usage_error(std::string_view what, Error error) {
  error.code = kUsageError;
  return std::move(error).within(what);
}
[[nodiscard]] inline bool is_usage_error(const Error& error) {
  return error.code == kUsageError;
}

}  // namespace mkcapture
