// Kernel command lines: words with the kernel's quotes (lib/cmdline.c next_arg). Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "builder/kernel/profile.h"

namespace mkcapture {

/// The words of a command line as they stand, quotes kept; double quotes protect spaces. A quote
/// that is not closed reaches to the end, as the kernel has it: it is closed there.
[[nodiscard]] std::vector<std::string> split_cmdline(std::string_view cmdline);
/// A double quote has no partner, and what follows it is one word to the kernel.
[[nodiscard]] bool has_open_quote(std::string_view cmdline);
/// "key" of "key=value", without quotes around it.
[[nodiscard]] std::string_view cmdline_key(std::string_view word);
/// "value" of "key=value", without quotes around it; empty without '='.
[[nodiscard]] std::string_view cmdline_value(std::string_view word);

/// A word of the running system's command line that the capture kernel does not get.
struct LeftOutWord {
  std::string word;
  std::string reason;
};
struct CaptureCmdline {
  std::string line;
  std::vector<LeftOutWord> left_out;  // in their order
};

/// The capture kernel's command line: `running` without the keys of `remove` (an entry that ends in
/// '*' takes the whole family; '-' and '_' are alike, as in the kernel) and without what follows
/// "--", then `add` and `append`. What sets a word again takes the place of what came before it
/// (the kernel itself would not let a second nr_cpus= raise the first); console= stays. A word that
/// stands there twice stays where it stands last: the last console= is /dev/console.
[[nodiscard]] CaptureCmdline capture_cmdline(std::string_view running,
                                             const std::vector<CmdlineRemoval>& remove,
                                             const std::vector<std::string>& add,
                                             std::string_view append);

/// COMMAND_LINE_SIZE of x86, arm64 and others; a longer line is cut off by the kernel.
inline constexpr std::size_t kMaxCmdline = 2048;

/// In single quotes for a POSIX shell where it must be.
[[nodiscard]] std::string shell_quote(std::string_view text);

}  // namespace mkcapture
