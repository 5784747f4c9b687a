#include "init/dump/select/filter_proof.h"

namespace mkcapture::dump {
namespace {

constexpr int kListed = kLevelCache | kLevelCachePrivate | kLevelUser;

void add(FilterDoubt& doubt, int bits, const std::string& why) {
  doubt.bits |= bits;
  if (!doubt.why.empty()) doubt.why += "; ";
  doubt.why += why;
}

/// Whether `seen` can be what the kernel counts as `counted`.
bool agree(std::uint64_t seen, std::uint64_t counted, std::uint64_t slack, bool whole) {
  if (seen > counted + counted / 8 + slack) return false;
  return !whole || seen + slack + counted / 8 >= counted;
}

/// "1000 pages look free, the kernel counts 12"
std::string against(std::uint64_t seen, const char* what, std::uint64_t counted) {
  return std::to_string(seen) + " pages " + what + ", the kernel counts " + std::to_string(counted);
}

}  // namespace

FilterDoubt doubt_filter(const PageSums& sums, const std::optional<ZoneCounters>& counters,
                         std::uint64_t present, int level) {
  FilterDoubt doubt;
  if (!counters) return doubt;
  // Holes are spanned as well.
  const bool whole = present >= counters->spanned_pages / 4 * 3;

  // Each zone may be about to hand out, or to take back, its largest block.
  const std::uint64_t blocks = counters->zones * counters->block_pages;
  if ((level & kLevelFree) != 0 && !agree(sums.free, counters->free_pages, blocks, whole) &&
      !(counters->free_item && agree(sums.free, *counters->free_item, blocks, whole)))
    add(doubt, kLevelFree,
        "free pages kept: " + against(sums.free, "look free", counters->free_pages));

  if ((level & kListed) == 0) return doubt;
  // Each CPU keeps small differences to itself.
  const std::uint64_t slack = present / 256 + counters->zones * 64;
  if (counters->on_lists) {
    bool agreed = false;
    for (const std::uint64_t counted : *counters->on_lists)
      agreed = agreed || agree(sums.on_lists, counted, slack, whole);
    if (!agreed)
      add(doubt, level & kListed,
          "cache and user pages kept: " +
              against(sums.on_lists, "look as if on a list", counters->on_lists->front()));
  }
  if ((doubt.bits & kListed) == 0 && sums.strays > sums.on_lists / 4 + present / 64)
    add(doubt, level & kListed,
        "cache and user pages kept: " + std::to_string(sums.strays) +
            " pages look like a process's and are on no list");
  return doubt;
}

}  // namespace mkcapture::dump
