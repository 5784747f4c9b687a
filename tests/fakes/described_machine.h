// A synthetic machine whose page frames have descriptors.
#pragma once

#include "tests/fakes/synthetic_machine.h"

namespace mkcapture::fakes {

using namespace dump;

/// A machine of 6.1 with descriptors, none of which says anything.
class Described {
 public:
  static constexpr std::uint32_t kBuddy = 0xffffff7f;  // _mapcount of a free block's head
  static constexpr std::uint64_t kLru = 1 << 4;

  explicit Described(int levels = 4) : machine("6.1.0-test", levels) {
    array = machine.add_descriptors();
    machine.info(
        "NUMBER(PG_lru)=4\nNUMBER(PG_private)=13\nNUMBER(PG_swapcache)=10\nNUMBER(PG_swapbacked)="
        "19\n"
        "NUMBER(PG_slab)=9\nNUMBER(PG_hwpoison)=23\nNUMBER(PG_head_mask)=65536\n"
        "NUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)=-129\nNUMBER(HUGETLB_PAGE_DTOR)=2\n"
        "NUMBER(PAGE_OFFLINE_MAPCOUNT_VALUE)=-257\nOFFSET(page.compound_dtor)=16\n"
        "OFFSET(page.compound_order)=17");
  }
  void free_block(std::uint64_t pfn, std::uint64_t order) {
    machine.put32(array + pfn * 64 + 48, kBuddy);
    machine.put64(array + pfn * 64 + 40, order);
  }
  void cache(std::uint64_t pfn) { machine.put64(array + pfn * 64, kLru); }

  /// The kernel's own counters: one zone of all memory, in one node or in the second of two. Blocks
  /// are smaller than in life, so that a few pages are many. `lists`: pages of each of the five
  /// lists, from the `place`-th counter behind that of free pages on.
  void count(std::uint64_t free_pages, std::uint64_t lists, std::uint64_t place = 0,
             bool numa = false) {
    constexpr std::uint64_t kNode = 0x20000, kNodes = 0x22000;  // in the image
    constexpr std::uint64_t kOrders = 5;
    machine.info(
        "OFFSET(pglist_data.node_zones)=0\nOFFSET(pglist_data.nr_zones)=2048\nSIZE(zone)=1024\n"
        "OFFSET(zone.spanned_pages)=8\nOFFSET(zone.free_area)=64\nOFFSET(zone.vm_stat)=600\n"
        "SIZE(free_area)=40\nOFFSET(free_area.free_list)=0\nLENGTH(free_area.free_list)=2\n"
        "SIZE(list_head)=16\nLENGTH(zone.free_area)=5\nNUMBER(NR_FREE_PAGES)=0");
    const auto at = [](std::uint64_t offset) { return SyntheticMachine::image_paddr(offset); };
    machine.put32(at(kNode + 2048), 2);  // the second has no memory
    machine.put64(at(kNode + 8), SyntheticMachine::kMemory / SyntheticMachine::kPage);
    const std::uint64_t largest = free_pages >> (kOrders - 1);
    machine.put64(at(kNode + 64 + (kOrders - 1) * 40 + 32), largest);
    machine.put64(at(kNode + 64 + 32), free_pages - (largest << (kOrders - 1)));
    machine.put64(at(kNode + 600), free_pages);
    for (std::uint64_t i = 0; i < 5; ++i)
      machine.put64(at(kNode + 600 + (1 + place + i) * 8), lists / 5);
    if (!numa) {
      machine.symbol("contig_page_data", SyntheticMachine::image(kNode));
    } else {
      machine.put64(at(kNodes + 8), SyntheticMachine::image(kNode));
      machine.symbol("node_data", SyntheticMachine::image(kNodes));
      machine.info("LENGTH(node_data)=2");
    }
  }

  SyntheticMachine machine;
  std::uint64_t array = 0;
};

}  // namespace mkcapture::fakes
