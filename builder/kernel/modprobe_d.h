// modprobe.d(5) of the machine that the image is for: the options that its modules are loaded with.
// What else stands there (blacklist, install, alias) says nothing about a capture.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "builder/host/host.h"

namespace mkcapture {

/// By module, with '_': "PARAM=VALUE PARAM=VALUE" in the order of the files.
using ModprobeOptions = std::map<std::string, std::string, std::less<>>;

/// Adds the "options NAME ..." lines of one file. '#' begins a comment line, a backslash at the end
/// of a line goes on with the next.
void parse_modprobe_options(std::string_view text, ModprobeOptions& into);

/// All files *.conf below `root`'s modprobe.d folders: /etc before /run, /usr/local/lib, /usr/lib
/// and /lib where several have a file of one name, in the order of their names.
[[nodiscard]] ModprobeOptions read_modprobe_options(Host& host, const std::string& root);

}  // namespace mkcapture
