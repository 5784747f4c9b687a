// Options of modules in a kernel command line: "NAME.PARAM=VALUE". The kernel itself hands them to
// what is built in; for a module modprobe does it (modprobe(8)), which the image does not have.
#pragma once

#include <string>
#include <string_view>

namespace mkcapture {

/// The options of `module` (with '_') as finit_module takes them: "PARAM=VALUE PARAM", in the
/// line's order, quotes kept. Dashes and underscores of the name are alike; "--" ends the line.
[[nodiscard]] std::string module_options(std::string_view cmdline, std::string_view module);

/// Both, the later ones behind: the kernel takes the last of a parameter.
[[nodiscard]] std::string joined_options(std::string_view first, std::string_view second);

}  // namespace mkcapture
