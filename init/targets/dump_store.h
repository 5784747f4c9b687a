// DumpStore: where a target keeps dumps. One dump is written at a time:
//
//   begin()   PATH (as mkdir -p) and a directory for the dump are there
//   create()  a file in it; its Output's finish() has it on stable storage
//   commit()  a finished file has its last name, and the names are on stable storage
//
// Nothing that a failure leaves half done has the name of something whole. Every wait is bounded by
// the Deadline given.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "init/base/result.h"
#include "init/output/output.h"
#include "init/system/system.h"

namespace mkcapture::init {

/// A directory in PATH, and what is in it.
struct StoredDump {
  std::string name;
  std::vector<std::string> files;  // all names in it, without order

  bool operator==(const StoredDump&) const = default;
};
/// Directories, and names in one, that list() looks at; more are passed over.
inline constexpr std::size_t kMaxStoredDumps = 2000;
inline constexpr std::size_t kMaxDumpFiles = 16;

/// More than this many dumps of one second do not get a name of their own.
inline constexpr int kMaxNameSuffix = 999;
/// NAME, then "NAME-1", "NAME-2" ...: the first that is free is the dump's.
[[nodiscard]] inline std::string with_suffix(const std::string& name, int suffix) {
  return suffix == 0 ? name : name + "-" + std::to_string(suffix);
}

class DumpStore {
 public:
  virtual ~DumpStore() = default;

  /// False where there are no names (a raw device): one file, the dump, is created, and nothing
  /// else is called but free().
  [[nodiscard]] virtual bool has_directories() const noexcept { return true; }

  /// Creates PATH and in it the directory `name`, mode 0700: a dump holds the machine's secrets.
  /// Where it exists a suffix is appended (with_suffix()); the name used is returned. What is
  /// created and committed from now on is in it.
  virtual Result<std::string> begin(const std::string& name, const Deadline& deadline) = 0;
  /// Creates or truncates a file of the dump, mode 0600. The Output must end before the store.
  virtual Result<std::unique_ptr<Output>> create(const std::string& file,
                                                 const Deadline& deadline) = 0;
  /// Renames a file of the dump, replacing `to`, and syncs the directory and those above it.
  virtual Status commit(const std::string& from, const std::string& to,
                        const Deadline& deadline) = 0;

  /// The directories in PATH whose names begin with `prefix`; links are none.
  virtual Result<std::vector<StoredDump>> list(const std::string& prefix,
                                               const Deadline& deadline) = 0;
  /// Removes these files of the directory and then itself: where something else is in it, it stays,
  /// with that, and an error says so.
  virtual Status remove(const StoredDump& dump, const Deadline& deadline) = 0;

  /// Nothing where the target cannot tell.
  virtual std::optional<Space> free(const Deadline& deadline) = 0;
};

}  // namespace mkcapture::init
