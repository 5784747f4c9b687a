// Where the kernel's image lies in the crashed machine's memory.
#pragma once

#include <optional>

#include "init/dump/kernel/kernel_memory.h"
#include "init/dump/kernel/vmcoreinfo.h"
#include "init/dump/pages.h"

namespace mkcapture::dump {

/// The PT_LOAD that carries the kernel's image, which x86_64, arm64, riscv64 and s390x have apart
/// from the rest of memory; empty where there is none.
[[nodiscard]] std::optional<MemoryRange> image_of(const CrashedMachine& machine,
                                                  const Vmcoreinfo& info, KernelMemory& kernel);

}  // namespace mkcapture::dump
