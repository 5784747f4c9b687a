// Memory sections and page descriptors: bytes 0 to 7 the root of the sections, the rest whatever
// the addresses in it make of it.
#include <cstdint>

#include "init/dump/select/page_filter.h"
#include "init/dump/select/unused_descriptors.h"
#include "tests/fuzz/crashed_memory.h"

using namespace mkcapture;
using namespace mkcapture::dump;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 8) return 0;
  static const char* const kInfo =
      "SYMBOL(mem_section)=ffffffff80000000\nLENGTH(mem_section)=4096\nSIZE(mem_section)=32\n"
      "OFFSET(mem_section.section_mem_map)=0\nNUMBER(SECTION_SIZE_BITS)=27\n"
      "NUMBER(MAX_PHYSMEM_BITS)=46\nSIZE(page)=64\nOFFSET(page.flags)=0\nOFFSET(page.mapping)=24\n"
      "OFFSET(page.private)=40\nOFFSET(page._mapcount)=48\nOFFSET(page.compound_head)=8\n"
      "LENGTH(zone.free_area)=11\nNUMBER(PG_lru)=4\nNUMBER(PG_private)=13\nNUMBER(PG_swapcache)="
      "10\n"
      "NUMBER(PG_swapbacked)=19\nNUMBER(PG_slab)=9\nNUMBER(PG_hwpoison)=23\n"
      "NUMBER(PG_head_mask)=65536\nNUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)=-129\n"
      "NUMBER(PAGE_OFFLINE_MAPCOUNT_VALUE)=-257\nOFFSET(page.compound_dtor)=16\n"
      "OFFSET(page.compound_order)=17\nNUMBER(HUGETLB_PAGE_DTOR)=2\n";
  fuzz::Memory memory({reinterpret_cast<const std::byte*>(data), size}, kInfo);
  auto map = make_page_map(memory.info, 4096, {27, 46}, *memory.kernel);
  if (!map) std::abort();
  // The descriptors of a larger machine than the memory at hand, in cycles of 4096 page frames.
  CrashedMachine machine;
  machine.ranges = {{0, std::uint64_t{200} << 20, 0, 0},
                    {std::uint64_t{1} << 45, std::uint64_t{64} << 20, 0, 0}};
  DescriptorPlaces places = find_descriptors(machine, **map, *memory.kernel, 64);
  if (places.extents.size() > kMostExtents) std::abort();
  const auto make_filter = [&]() -> Result<std::unique_ptr<PageFilter>> {
    auto again = make_page_map(memory.info, 4096, {27, 46}, *memory.kernel);
    return std::unique_ptr<PageFilter>(std::make_unique<DescriptorFilter>(
        machine, make_page_rules(memory.info, Fields(64, false), 31), std::move(*again),
        *memory.kernel, memory.window(), std::nullopt));
  };
  UnusedDescriptors filter(machine, std::move(*make_filter()), std::move(places), make_filter);
  std::vector<std::uint8_t> bits(512);
  for (const std::uint64_t first : {0U, 4096U, 8192U, 32768U}) {
    if (!filter.keep(first, bits)) std::abort();
  }
  if (!filter.keep(std::uint64_t{1} << 33, bits)) std::abort();
  return 0;
}
