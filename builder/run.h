// The tool without its process: what main() calls, and what the tests call with hosts of theirs.
#pragma once

#include <string>
#include <vector>

#include "builder/host/host.h"

namespace mkcapture {

/// Runs `mkcapture ARGUMENTS` (without the program's name). What goes to standard output and
/// standard error is appended to `out` and `err`; the image is written by itself. Returns the exit
/// status: 0 done, 1 the build failed, 2 usage or configuration; of `status` also 3, see
/// builder/service/status.h.
[[nodiscard]] int run_mkcapture(const std::vector<std::string>& arguments, Host& host,
                                std::string& out, std::string& err);

}  // namespace mkcapture
