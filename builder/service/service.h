// The subcommands: what mkcapture does for the machine that it runs on, beside building images.
// Each is a file of this folder over the plan and Host; this is their switch.
#pragma once

#include <string>

#include "builder/ask/options.h"
#include "builder/ask/request.h"
#include "builder/host/host.h"

namespace mkcapture {

[[nodiscard]] bool is_subcommand(Action action);

/// Runs the subcommand; the value is its exit status. `out` and `err` are appended to.
[[nodiscard]] Result<int> run_subcommand(const Options& options, const Settings& settings,
                                         const Request& request, Host& host, std::string& out,
                                         std::string& err);

}  // namespace mkcapture
