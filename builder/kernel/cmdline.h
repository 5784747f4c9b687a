// Kernel command lines: words with the kernel's quotes (lib/cmdline.c next_arg). Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace mkcapture {

/// The words of a command line as they stand, quotes kept; double quotes protect spaces.
[[nodiscard]] std::vector<std::string> split_cmdline(std::string_view cmdline);
/// "key" of "key=value", without quotes around it.
[[nodiscard]] std::string_view cmdline_key(std::string_view word);
/// "value" of "key=value", without quotes around it; empty without '='.
[[nodiscard]] std::string_view cmdline_value(std::string_view word);

/// The capture kernel's command line: `running` without the keys of `remove` (an entry that ends in
/// '*' takes the whole family; '-' and '_' are alike, as in the kernel) and without what follows
/// "--", then `add` and `append`. What sets a word again takes the place of what came before it
/// (the kernel itself would not let a second nr_cpus= raise the first); console= stays, each once.
[[nodiscard]] std::string capture_cmdline(std::string_view running,
                                          const std::vector<std::string>& remove,
                                          const std::vector<std::string>& add,
                                          std::string_view append);

/// COMMAND_LINE_SIZE of x86, arm64 and others; a longer line is cut off by the kernel.
inline constexpr std::size_t kMaxCmdline = 2048;

/// In single quotes for a POSIX shell where it must be.
[[nodiscard]] std::string shell_quote(std::string_view text);

}  // namespace mkcapture
