// What every file of the host tool uses: the shared Result, and which errors are the user's.
//
// Exit status (SPEC): 2 where what was asked for is wrong (options, configuration, names in them),
// 1 where it was right and building failed. An Error carries which one it is in its kind: steps
// add context with within(), and run.cc alone turns the error into a line and a status.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "init/base/result.h"

namespace mkcapture {

/// "what: why", exit status 2. `what` names the option or "file:line: key".
[[nodiscard]] inline Error usage_error(std::string_view what, std::string_view why) {
  return {ErrorKind::kUsage, std::string(what) + ": " + std::string(why)};
}
/// The same error, blamed on what the user gave.
[[nodiscard]] inline Error as_usage_error(std::string_view what, Error error) {
  error.kind = ErrorKind::kUsage;
  return std::move(error).within(what);
}
[[nodiscard]] inline bool is_usage_error(const Error& error) {
  return error.kind == ErrorKind::kUsage;
}

}  // namespace mkcapture
