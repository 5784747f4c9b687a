// How the image is loaded: the kexec command, the capture kernel's command line, and whether the
// memory reserved for it will do.
#pragma once

#include <cstdint>

#include "builder/plan/plan.h"

namespace mkcapture {

/// Fills plan.kexec and plan.crashkernel.
[[nodiscard]] Status plan_kexec(const Request& request, Host& host, Plan& plan);

/// What the kernel says of its reservation and of what is loaded: "crash_size", "crash_loaded". In
/// /sys/kernel/kexec since 6.19, as /sys/kernel/kexec_NAME before. Empty where it does not.
[[nodiscard]] std::string kexec_fact(Host& host, const std::string& name);

/// RAM of this machine in bytes: the kernel's own map where it may be read, else MemTotal.
[[nodiscard]] std::uint64_t machine_ram(Host& host);

/// The command as one line for a POSIX shell. Only for a plan that has a kernel image.
[[nodiscard]] std::string kexec_line(const Plan& plan);

}  // namespace mkcapture
