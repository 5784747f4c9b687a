// The command line: text in, settings and what to do out. Reads nothing and prints nothing.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "builder/ask/settings.h"
#include "builder/base/usage.h"

namespace mkcapture {

enum class Action {
  kBuild,
  kPrintPlan,
  kPrintTree,
  kPrintAppend,
  kPrintKexec,
  kPrintConfig,
  kList,
  // Subcommands: of the machine that the tool runs on.
  kArm,
  kDisarm,
  kStatus,
  kCheck,
  kDumps,
  kCrashkernel,
  kHelp,
  kVersion
};

struct Options {
  Action action = Action::kBuild;
  Settings settings;
  std::optional<std::string> config_file;  // -c
  std::string list_image;                  // --list IMG
  bool verbose = false;
  bool quiet = false;
  // Of subcommands.
  bool json = false;     // status, check, dumps
  bool rebuild = false;  // arm: whatever has or has not changed
  bool early = false;    // arm: the image of last time, nothing is built
  bool prepare = false;  // arm: built for --kernel, not loaded (the kernel hooks)
  bool record = false;   // dumps: tells what is new since the last time (after a boot)
  bool apply = false;    // crashkernel: written for the boot loader
  std::string help;      // the text of --help, for Action::kHelp
};

/// A subcommand, for the command line, its help, and the shells' completions.
struct Subcommand {
  std::string_view name;
  Action action;
  std::string_view help;  // one line
};
[[nodiscard]] std::span<const Subcommand> subcommands();
/// One of a subcommand's own options; those of the settings hold for each of them too.
struct SubcommandOption {
  Action action;
  std::string_view option;  // "--json"
  bool Options::* flag;
  std::string_view help;
};
[[nodiscard]] std::span<const SubcommandOption> subcommand_options();

/// `arguments` without the program's name. Errors are usage errors that name the option.
[[nodiscard]] Result<Options> parse_options(const std::vector<std::string>& arguments);

}  // namespace mkcapture
