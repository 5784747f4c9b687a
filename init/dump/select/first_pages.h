// Value first: what a debugger reads before it shows anything, found without a symbol or a layout
// that VMCOREINFO does not have. A dump that ends early, on a full disk or at the deadline, opens
// by these pages, wherever in memory the kernel lies.
#pragma once

#include <vector>

#include "init/dump/kernel/kernel_memory.h"
#include "init/dump/kernel/page_map.h"
#include "init/dump/kernel/vmcoreinfo.h"
#include "init/dump/pages.h"

namespace mkcapture::dump {

/// In this order:
///   1. page tables, mem_section, nodes and zones, as far as the engine itself reads them on its
///      way to each section's descriptors; each CPU's stack and the code that called from there
///   2. the image's variables
///   3. the tasks and what they point to: stacks, pids, memory maps; the CPUs' own areas
///   4. the image's code
///   5. what the image's variables point to, its trees
/// A pointer is a word that lies in the linear map, which the PT_LOADs tell; where they do not, 3
/// and 5 are left out. `info` must have the kernel's addresses, `memory` be what `kernel` reads
/// from. `map` may be null. Takes some milliseconds, whatever the machine's size: the variables are
/// read once, and some thousands of words elsewhere.
[[nodiscard]] std::vector<PageRun> find_first_pages(const CrashedMachine& machine,
                                                    const Vmcoreinfo& info, KernelMemory& kernel,
                                                    PhysicalMemory& memory, MemoryWindow& window,
                                                    PageMap* map);

}  // namespace mkcapture::dump
