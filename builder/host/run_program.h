// A helper program of this machine, run to its end.
#pragma once

#include <string>
#include <vector>

#include "builder/base/usage.h"

namespace mkcapture {

/// Runs argv[0] (PATH is searched) with no input and gives its standard output. An exit status
/// other than 0 is an error with the last line of its standard error.
[[nodiscard]] Result<std::string> run_program(const std::vector<std::string>& argv);

}  // namespace mkcapture
