// What the kernel that runs says about a capture kernel: whether memory is reserved, and whether
// one is loaded. kexec's exit status proves neither.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "builder/host/host.h"

namespace mkcapture {

struct CaptureKernel {
  std::optional<std::uint64_t> reserved;  // bytes; empty: this kernel has no kexec
  bool loaded = false;
  std::string lockdown;  // "integrity", "confidentiality"; empty: none
};

/// From /sys/kernel: kexec_crash_size and kexec_crash_loaded, or kexec/crash_size and
/// kexec/crash_loaded, where newer kernels have them.
[[nodiscard]] CaptureKernel capture_kernel_of(Host& host);

}  // namespace mkcapture
