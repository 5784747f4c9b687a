// Where the crashed kernel keeps the descriptor (struct page) of each page frame.
#pragma once

#include <cstdint>
#include <memory>

#include "init/base/result.h"
#include "init/dump/kernel/kernel_memory.h"
#include "init/dump/kernel/vmcoreinfo.h"

namespace mkcapture::dump {

/// The descriptors of the page frames [pfn, pfn + count), pfn being what was asked for: an array at
/// a virtual address.
struct DescriptorRun {
  std::uint64_t address = 0;  // 0: these page frames have no descriptors
  std::uint64_t count = 0;    // at least 1
  // The kernel does not use these pages: memory that was added and not brought online. Nobody has
  // written their descriptors, and to read them may want the host's help.
  bool offline = false;
};

/// The kernel's memory model. Not thread-safe. Every address in it is the crashed kernel's word and
/// may lead anywhere.
class PageMap {
 public:
  virtual ~PageMap() = default;
  [[nodiscard]] virtual DescriptorRun find(std::uint64_t pfn) = 0;
};

/// `bits` are the usual ones, for kernels whose VMCOREINFO has none; where they do not fit
/// LENGTH(mem_section), that tells them. SPARSEMEM, its mem_section in one array or in roots
/// ("extreme"), or FLATMEM. `memory` must outlive the result. Fails where VMCOREINFO lacks
/// something or holds what cannot be.
[[nodiscard]] Result<std::unique_ptr<PageMap>> make_page_map(const Vmcoreinfo& info,
                                                             std::uint32_t page_size,
                                                             SparseBits bits, KernelMemory& memory);

}  // namespace mkcapture::dump
