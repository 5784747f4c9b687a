// Dumps that are new: told once after the boot that followed the crash, remembered until somebody
// has looked (`mkcapture dumps`).
#pragma once

#include <string>
#include <vector>

#include "builder/service/dumps.h"

namespace mkcapture {

inline constexpr const char* kRecordPath = "/var/lib/mkcapture/dumps.json";
inline constexpr const char* kMotdPath = "/run/motd.d/mkcapture";

struct DumpRecord {
  bool begun = false;              // there is a record
  std::vector<std::string> known;  // folders of all dumps that were told
  std::vector<std::string> fresh;  // those of them that nobody has looked at
};
[[nodiscard]] DumpRecord read_record(Host& host);

/// `mkcapture dumps --record`: a line for each new dump, the line of the day, and on_dump for each
/// ("sh -c COMMAND mkcapture FOLDER"). Where there is no record yet, all dumps are old. A command
/// that fails costs no record: it is told in `err`.
[[nodiscard]] Result<std::string> record_new_dumps(const Wanted& wanted, Host& host,
                                                   std::string& err);
/// Begins a record where there is none.
[[nodiscard]] Status begin_record(const Wanted& wanted, Host& host);
/// Somebody has looked. Whoever may not write the record leaves it as it is.
void forget_new_dumps(Host& host);

}  // namespace mkcapture
