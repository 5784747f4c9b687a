// mkcapture dumps: what is in the directories of this machine's disk targets.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "builder/service/inputs.h"

namespace mkcapture {

struct DumpEntry {
  std::string folder;       // path on this machine
  std::string host;         // the first part of its name
  std::string time;         // "2026-11-24 13:34:04" UTC; sorts
  std::string kernel;       // the crashed kernel's release; empty where nothing tells it
  std::string panic;        // the line of its log that says why; empty where there is none
  std::uint64_t bytes = 0;  // of the dump itself
  bool whole = false;       // false: vmcore.incomplete, or the log alone
  std::string debug_package;
};

/// A disk target's directory as it is mounted here.
struct DumpFolder {
  std::string target;
  std::string folder;  // "/var/crash"; empty where it is not mounted
  std::string unseen;  // why its dumps cannot be seen; empty
};

struct DumpListing {
  std::vector<DumpFolder> folders;
  std::vector<DumpEntry> dumps;  // oldest first
};

/// The wanted disk targets; the default one where none is given.
[[nodiscard]] std::vector<DumpFolder> dump_folders(const Wanted& wanted, Host& host);
[[nodiscard]] DumpListing list_dumps(const Wanted& wanted, Host& host);
/// The newest dump's size decides what the next one will need: only names and sizes are read.
[[nodiscard]] std::vector<DumpEntry> dumps_in(const std::string& folder, Host& host);

/// One of "HOST-YYYY-MM-DD-HH:MM:SS" (vfat: HH-MM-SS); empty for any other name.
struct DumpName {
  std::string host;
  std::string time;
};
[[nodiscard]] std::optional<DumpName> parse_dump_name(std::string_view name);

[[nodiscard]] std::string dumps_text(const DumpListing& listing);
[[nodiscard]] std::string dumps_json(const DumpListing& listing);

}  // namespace mkcapture
