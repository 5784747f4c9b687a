// Value first: what a debugger reads before it shows anything, found without a symbol or a layout
// that VMCOREINFO does not have. A dump that ends early, on a full disk or at the deadline, opens
// by these pages, wherever in memory the kernel lies.
#pragma once

#include <optional>
#include <vector>

#include "init/dump/kernel/kernel_memory.h"
#include "init/dump/kernel/page_map.h"
#include "init/dump/pages.h"

namespace mkcapture::dump {

/// The PT_LOAD that carries the kernel's image, which x86_64, arm64, riscv64 and s390x have apart
/// from the rest of memory; empty where there is none.
[[nodiscard]] std::optional<MemoryRange> image_of(const CrashedMachine& machine,
                                                  const Vmcoreinfo& info, KernelMemory& kernel);

/// In this order:
///   1. page tables, mem_section, nodes and zones, as far as the engine itself reads them on its
///   way
///      to each section's descriptors; each CPU's stack, and the code that called from there
///   2. what the image's data points to: tasks and all other lists that begin in the image, the
///   CPUs'
///      own areas
///   3. what that points to: stacks of tasks, their pids and memory maps, nodes of trees
///   4. the image, from its end (data) to its beginning (code); last its own symbols and types
///      (kallsyms, BTF), which debuggers bring along
/// A pointer is a word that lies in the linear map, which the PT_LOADs tell; where they do not, 2
/// and 3 are left out. `info` must have the kernel's addresses, `memory` be what `kernel` reads
/// from. `map` may be null. Takes some ten milliseconds, whatever the machine's size: the image is
/// read once, and some thousands of pages.
[[nodiscard]] std::vector<PageRun> find_first_pages(const CrashedMachine& machine,
                                                    const Vmcoreinfo& info, KernelMemory& kernel,
                                                    PhysicalMemory& memory, MemoryWindow& window,
                                                    PageMap* map);

}  // namespace mkcapture::dump
