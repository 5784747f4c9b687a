// The command line: text in, settings and what to do out. Reads nothing and prints nothing.
#pragma once

#include <optional>
#include <string>
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
  std::string help;  // the text of --help, for Action::kHelp
};

/// `arguments` without the program's name. Errors are usage errors that name the option.
[[nodiscard]] Result<Options> parse_options(const std::vector<std::string>& arguments);

}  // namespace mkcapture
