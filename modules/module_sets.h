// The data of modules/*.toml as values: what a capability needs in the image. The files are
// compiled into mkcapture, so that the tool works from any folder.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "init/base/result.h"

namespace mkcapture {

/// [set.NAME]: one capability.
struct ModuleSet {
  std::string name;
  std::string summary;                // one line for `--print plan`
  std::string driver_class;           // "storage", "net", "fs", "watchdog" or ""
  std::vector<std::string> drivers;   // as DriverRequest::what; absent ones are passed over
  std::vector<std::string> required;  // likewise, but an error where this kernel lacks one
  std::vector<std::string> programs;  // of the payload: "udhcpc", "dbclient", "busybox"
  std::vector<std::string> firmware;  // below lib/firmware, beyond what modinfo names
  std::vector<std::string> kernel;    // CONFIG_ symbols that must be y or m, without the prefix
};

/// [[needs]]: what a module asks the running kernel for while it initialises or is first used,
/// which neither modules.dep nor a softdep says.
struct ModuleNeed {
  std::string module;               // with '_'
  std::vector<std::string> before;  // loaded before it where the kernel has them
  std::vector<std::string> after;   // loaded with it, behind it
};

struct ModuleSets {
  std::map<std::string, ModuleSet> sets;          // by name
  std::map<std::string, ModuleNeed> needs;        // by module
  std::map<std::string, std::string> parameters;  // [parameters]: module -> text for finit_module
  std::set<std::string> spare;  // [spare]: soft dependencies that a dump can do without

  [[nodiscard]] const ModuleSet* find(std::string_view name) const;
};

/// Adds one file's tables. An error names FILE, the line and the key; unknown keys, sets defined
/// twice and classes other than the four are errors.
[[nodiscard]] Status parse_module_sets(std::string_view text, const std::string& file,
                                       ModuleSets& into);

/// All files that were compiled in.
[[nodiscard]] Result<ModuleSets> builtin_module_sets();

}  // namespace mkcapture
