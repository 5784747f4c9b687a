// A whole vmcore: headers, notes, ranges, and what is read through them.
#include <cstdint>

#include "init/dump/vmcore.h"
#include "tests/fuzz/crashed_memory.h"

using namespace mkcapture;
using namespace mkcapture::dump;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes bytes(reinterpret_cast<const std::byte*>(data), size);
  auto vmcore = make_vmcore(std::make_unique<fuzz::BytesFile>(bytes));
  if (!vmcore) return vmcore.error().message.empty() ? (std::abort(), 0) : 0;
  const CrashedMachine& machine = (*vmcore)->crashed();
  std::uint64_t end = 0, total = 0;
  for (const MemoryRange& r : machine.ranges) {
    if (r.size == 0 || r.paddr < end || (r.paddr | r.size) % machine.page_size != 0) std::abort();
    end = r.paddr + r.size;
    total += r.size;
  }
  if (end == 0 || end != machine.max_pfn * machine.page_size) std::abort();
  if (total != (*vmcore)->memory_bytes()) std::abort();

  const auto name = (*vmcore)->node_name();
  if (name && (name->empty() || name->size() > 64 || name->find('/') != std::string::npos))
    std::abort();
  fuzz::CountingOutput log;
  (void)(*vmcore)->write_dmesg(log);
  auto window = (*vmcore)->window(64 << 10);
  auto filter = (*vmcore)->filter(31);
  if (!window || !filter) std::abort();
  std::vector<std::uint8_t> bits(4096);
  for (std::size_t i = 0; i < std::min<std::size_t>(machine.ranges.size(), 4); ++i) {
    const std::uint64_t paddr = machine.ranges[i].paddr;
    if ((*window)->at(paddr, 8192).size() > 8192) std::abort();
    if (!(*filter)->keep(paddr / machine.page_size & ~std::uint64_t{7}, bits)) std::abort();
  }
  return 0;
}
