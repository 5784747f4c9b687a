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

  SyntheticMachine machine;
  std::uint64_t array = 0;
};

}  // namespace mkcapture::fakes
