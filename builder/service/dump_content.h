// What a dump tells about itself: the crashed kernel's release and the line that says why it died.
// The crashed kernel wrote all of it; it is text to be shown, cut and cleaned, and decides nothing.
#pragma once

#include <string>
#include <string_view>

#include "builder/service/dumps.h"

namespace mkcapture {

/// The reason of a panic in a kernel's log. "Kernel panic - not syncing: Fatal exception" only says
/// that there was an oops before it: then it is the oops' first line. Without time stamps; at most
/// 200 characters, all printable. Empty where there is none.
[[nodiscard]] std::string panic_line(std::string_view log);

/// The release in the first bytes of a dump: utsname of a kdump header (makedumpfile's
/// disk_dump_header: "KDUMP   ", a version, six names of 65 bytes), else OSRELEASE= of VMCOREINFO.
[[nodiscard]] std::string release_in_dump(std::string_view start);
/// The same from a kernel's log: "Linux version RELEASE (".
[[nodiscard]] std::string release_in_log(std::string_view log);

/// The package with vmlinux and its debug information, by the distribution's os-release(5); empty
/// where its names are not known.
[[nodiscard]] std::string debug_package(std::string_view os_release, const std::string& release);

/// Fills kernel, panic and debug_package.
void read_dump_content(DumpEntry& dump, Host& host);

}  // namespace mkcapture
