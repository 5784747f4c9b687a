// savecore's command line. Pure.
#pragma once

#include <span>
#include <string>

#include "init/base/result.h"
#include "init/dump/dump.h"

namespace mkcapture::savecore {

extern const char* const kSavecoreHelp;

struct SavecoreOptions {
  enum class Action { kHelp, kVersion, kCheck, kDmesg, kDump };
  Action action = Action::kDump;
  bool line = false;  // with kCheck: for a program
  dump::DumpOptions dump;
  std::string input;   // empty only for kCheck: the vmcore of this machine, else its memory
  std::string output;  // "-": standard output
};

/// The arguments behind the program's name. An error is one of usage and names the argument.
[[nodiscard]] Result<SavecoreOptions> parse_savecore_options(std::span<char* const> arguments);

}  // namespace mkcapture::savecore
