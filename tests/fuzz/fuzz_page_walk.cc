// Page tables: byte 0 the number of levels (odd: 5), bytes 8 to 15 an address, then memory.
#include <cstdint>

#include "tests/fuzz/crashed_memory.h"

using namespace mkcapture;
using namespace mkcapture::dump;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 16) return 0;
  const Bytes bytes(reinterpret_cast<const std::byte*>(data), size);
  fuzz::Memory memory(bytes, std::to_integer<int>(bytes[0]) % 2 != 0
                                 ? "NUMBER(pgtable_l5_enabled)=1\n"
                                 : "NUMBER(sme_mask)=140737488355328\n");
  const std::uint64_t vaddr = Fields().u64(bytes, 8);
  for (const std::uint64_t at :
       {vaddr, vaddr | std::uint64_t{0xffff} << 48, ~vaddr, vaddr + 4096}) {
    const auto extent = memory.space->translate(at);
    if (!extent) continue;
    if (extent->size == 0 || extent->size > std::uint64_t{1} << 30) std::abort();
    if (at < fuzz::Memory::kImage && extent->paddr >> 52 != 0) std::abort();
    std::byte out[64];
    (void)memory.kernel->read(at, out);
    const auto again = memory.kernel->translate(at);
    if (!again || again->paddr != extent->paddr) std::abort();
  }
  return 0;
}
