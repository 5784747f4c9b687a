// What the crashed kernel itself counts: free blocks and pages on the lists of page reclaim, zone
// by zone. The page filter's sums are held against it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "init/dump/kernel/kernel_memory.h"
#include "init/dump/kernel/vmcoreinfo.h"

namespace mkcapture::dump {

/// Sums over all zones. They may be off by what was under way when the kernel crashed.
struct ZoneCounters {
  /// Kernels of 6.16 and later may have a counter between that of free pages and those of the
  /// lists, and none of their places is exported: each place that the lists' five could begin at.
  static constexpr std::size_t kListPlaces = 2;

  std::uint64_t zones = 0;       // with memory
  std::uint64_t free_pages = 0;  // in the blocks of zone.free_area[], by nr_free
  std::optional<std::uint64_t>
      free_item;                  // zone.vm_stat[NR_FREE_PAGES], which leaves isolated ones out
  std::uint64_t block_pages = 0;  // of the largest block
  std::uint64_t spanned_pages = 0;
  /// zone.vm_stat[NR_ZONE_INACTIVE_ANON] to [NR_ZONE_UNEVICTABLE] (include/linux/mmzone.h, enum
  /// zone_stat_item), added; none where vm_stat is not exported.
  std::optional<std::array<std::uint64_t, kListPlaces>> on_lists;
  /// Of these, what may be a process's: both kinds for anonymous memory, and what is locked.
  std::array<std::uint64_t, kListPlaces> anonymous{};
};

/// From node_data (x86, powerpc) or contig_page_data (kernels without NUMA). Empty where VMCOREINFO
/// leads to neither, as on arm64 with NUMA, or where it or the memory says what cannot be.
[[nodiscard]] std::optional<ZoneCounters> read_zone_counters(const Vmcoreinfo& info,
                                                             KernelMemory& memory);

}  // namespace mkcapture::dump
