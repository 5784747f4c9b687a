// mkcapture crashkernel: how much memory should be reserved, and the boot loader's word for it.
#pragma once

#include <string>

#include "builder/service/inputs.h"

namespace mkcapture {

/// What `crashkernel=` should be, why, and what stands there now.
[[nodiscard]] Result<std::string> tell_crashkernel(const Wanted& wanted, Host& host);

/// Writes it for the boot loader of this machine: by grubby where it is, else as a drop-in of
/// GRUB's defaults with update-grub, else into /etc/kernel/cmdline with kernel-install. An error
/// names what was looked for and says what to do by hand.
[[nodiscard]] Result<std::string> apply_crashkernel(const Wanted& wanted, Host& host);

/// The second half of it: a size as crashkernel= takes it, for the boot loader that is there.
[[nodiscard]] Result<std::string> write_crashkernel(const std::string& value, Host& host);

inline constexpr const char* kGrubDropIn = "/etc/default/grub.d/mkcapture.cfg";

/// A kernel command line with this crashkernel= instead of those in it. Pure.
[[nodiscard]] std::string with_crashkernel(std::string_view cmdline, const std::string& value);

}  // namespace mkcapture
