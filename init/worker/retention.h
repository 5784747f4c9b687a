// Which dumps stay. Pure decisions, and the loop that carries them out.
//
// A dump of this host is a directory HOST-YYYY-MM-DD-HH:MM:SS[-N] ('-' for ':' where the file
// system wants it) with nothing in it but the files that a capture makes. All else, another host's
// dumps and a directory with an administrator's notes too, is never touched.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "init/system/steps.h"
#include "init/targets/dump_store.h"

namespace mkcapture::init {

/// The files of a dump (save.cc).
inline constexpr const char* kDmesgFile = "vmcore-dmesg.txt";
inline constexpr const char* kPartialFile = "vmcore.incomplete";
inline constexpr const char* kWholeFile = "vmcore";
inline constexpr const char* kLogFile = "kexec-dmesg.log";

/// The part of a dump's name before "-YYYY-MM-DD-HH:MM:SS[-N]"; empty where it is no such name.
[[nodiscard]] std::string_view host_of_dump(std::string_view name);

/// What goes, oldest first, now that the dump `newest` is whole and synced: its host's whole dumps
/// beyond the newest `keep` (1 or more, `newest` counted), and its incomplete ones that are older
/// than `newest`.
[[nodiscard]] std::vector<StoredDump> outdated_dumps(const std::vector<StoredDump>& all,
                                                     const std::string& newest, std::uint64_t keep);

/// Folders with nothing but logs that stay, of crashes that there was no room for a dump of.
inline constexpr std::size_t kLogsKept = 10;

/// What goes, oldest first, where `newest` has logs alone: its host's older folders with nothing
/// but logs, beyond the newest kLogsKept (`newest` counted). What has a dump, whole or not, stays.
[[nodiscard]] std::vector<StoredDump> outdated_logs(const std::vector<StoredDump>& all,
                                                    const std::string& newest);

/// Lists, decides and removes; each removal, and what could not be removed, is a line of the log.
/// Nothing here undoes a saved dump.
void remove_outdated(System& system, StepReporter& steps, DumpStore& store,
                     const std::string& newest, std::uint64_t keep, const Deadline& deadline);
/// The same for outdated_logs(): however often a machine crashes, what stays is bounded.
void remove_outdated_logs(System& system, StepReporter& steps, DumpStore& store,
                          const std::string& newest, const Deadline& deadline);

}  // namespace mkcapture::init
