// A filter that proves itself: whether what it takes for free, cache and processes' pages is what
// the crashed kernel counted. Rules that no longer fit a kernel, or exports that do not tell the
// truth, are seen here before a page is left out. Pure.
#pragma once

#include <cstdint>
#include <optional>

#include "init/dump/kernel/zone_counters.h"
#include "init/dump/pages.h"
#include "init/dump/select/page_rules.h"

namespace mkcapture::dump {

/// `sums`: of one pass over all descriptors. `level`: bits 2 to 16 that the filter honours.
/// `present`: page frames that were gone through; where it is not all of the machine (memory that
/// was added later, a file cut short) less than the counters say is no contradiction. Counters that
/// are a little off, as in the middle of an allocation, are not either: an eighth and some pages
/// for each zone.
[[nodiscard]] FilterDoubt doubt_filter(const PageSums& sums,
                                       const std::optional<ZoneCounters>& counters,
                                       std::uint64_t present, int level);

}  // namespace mkcapture::dump
