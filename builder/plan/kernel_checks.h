// What the kernels must have, in words for a person: the capture kernel (the same one by default)
// and the system kernel that loads it.
#pragma once

#include "builder/plan/plan.h"

namespace mkcapture {

/// Whether the image's modules keep their signatures (--signatures), with the reason. auto drops
/// them only where this very machine is known to load modules without.
void choose_signatures(const Request& request, Host& host, Plan& plan);

/// Errors are what no dump can do without; doubts go to plan.warnings, a configuration that is not
/// there to plan.notes.
[[nodiscard]] Status check_kernel(const ModuleSets& sets, Plan& plan);

/// In words, that there is nothing that kexec could load, and the way out.
[[nodiscard]] std::string no_kernel_image(const Plan& plan);

/// kexec -s is possible and goes around what kexec_load fails at with this kernel.
[[nodiscard]] bool prefers_file_load(const Profile& profile, const KernelConfig& config);

/// Compressors that this kernel unpacks; gzip and none where its configuration is not known.
[[nodiscard]] std::vector<Compressor> usable_compressors(const KernelConfig& config);

/// Fills plan.compress and compress_why.
[[nodiscard]] Status choose_compressor(const Request& request, Plan& plan);

/// Modules must keep their signature: the kernel or a lockdown of this machine insists on it.
[[nodiscard]] bool enforces_signatures(const KernelConfig& config, Host& host, bool this_machine);

}  // namespace mkcapture
