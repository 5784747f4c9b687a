// The filter against the running kernel: what it makes of each page beside what the kernel itself
// says in /proc/kpageflags. Whether the rules fit a kernel is seen so before it crashes.
#pragma once

#include "init/dump/dump.h"
#include "init/dump/pages.h"

namespace mkcapture::dump {

/// As compare_with_kernel() of dump.h, with the memory at hand.
[[nodiscard]] Result<AgreementReport> compare_filter(VmcoreSource& source, KernelPageFlags& kernel);

}  // namespace mkcapture::dump
