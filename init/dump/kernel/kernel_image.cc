#include "init/dump/kernel/kernel_image.h"

#include "init/dump/core/memory_ranges.h"

namespace mkcapture::dump {

std::optional<MemoryRange> image_of(const CrashedMachine& machine, const Vmcoreinfo& info,
                                    KernelMemory& kernel) {
  const auto text = info.symbol("_stext");
  const auto extent = text ? kernel.translate(*text) : std::nullopt;
  const MemoryRange* range = extent ? find_range(machine.ranges, extent->paddr) : nullptr;
  // Of the linear map the code has another address.
  if (range == nullptr || range->vaddr + (extent->paddr - range->paddr) != *text)
    return std::nullopt;
  return *range;
}

}  // namespace mkcapture::dump
