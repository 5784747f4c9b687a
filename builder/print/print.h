// The printers of --print: text from a plan, nothing decided and nothing read.
#pragma once

#include <string>

#include "builder/ask/settings.h"
#include "builder/image/assemble.h"
#include "builder/plan/plan.h"

namespace mkcapture {

/// The whole plan in words.
[[nodiscard]] std::string print_plan(const Plan& plan, const ImageSizes& sizes);
/// The effective configuration as mkcapture.toml(5), each value with its origin as a comment.
/// Reading it back gives the same settings.
[[nodiscard]] std::string print_config(const Settings& settings);
/// What of the running system's command line was left out, a line with the reason for each, as
/// comments of a shell.
[[nodiscard]] std::string print_left_out(const Plan& plan);
/// The warning lines for standard error.
[[nodiscard]] std::string print_warnings(const Plan& plan);
/// After building: what is in it, its size, and the command that loads it.
[[nodiscard]] std::string print_summary(const Plan& plan, const ImageSizes& sizes);

}  // namespace mkcapture
