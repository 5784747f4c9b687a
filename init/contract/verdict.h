// The lines that tools and people look for: one verdict for each target that was tried, and a last
// one. Their form is a contract.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "init/base/units.h"
#include "init/contract/capture_config.h"
#include "init/contract/step.h"

namespace mkcapture {

// SPEC is in double quotes where it has blanks of its own.
/// saved target=SPEC bytes=N seconds=S.SSS path=...; with a note behind it note="...".
[[nodiscard]] std::string saved_line(const TargetSpec& target, std::uint64_t bytes,
                                     Milliseconds took, std::string_view path,
                                     std::string_view note = {});
/// failed target=SPEC step=STEP reason="..."; quotes and control characters of the reason become
/// harmless, and what is too long for a line of the kernel log is cut within the quotes.
[[nodiscard]] std::string failed_line(const TargetSpec& target, Step step, std::string_view reason);
/// The line of a try that is not the last one: "not yet" in the place of "failed". The verdict
/// comes when the target is not tried again.
[[nodiscard]] std::string not_yet_line(std::string_view failed);
/// done status=saved|failed action=reboot|poweroff|halt|shell
[[nodiscard]] std::string done_line(bool saved, FinalAction action);

}  // namespace mkcapture
