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

/// Lists, decides and removes; each removal, and what could not be removed, is a line of the log.
/// Nothing here undoes a saved dump.
void remove_outdated(System& system, StepReporter& steps, DumpStore& store,
                     const std::string& newest, std::uint64_t keep, const Deadline& deadline);

}  // namespace mkcapture::init
