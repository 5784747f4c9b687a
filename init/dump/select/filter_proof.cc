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
  // Memory breaks page by page. Where it looks as if much of it had, a wrong word is looked at.
  if (sums.poisoned > 64 + present / 128) {
    add(doubt, level,
        "all of memory kept: " + std::to_string(sums.poisoned) + " pages look broken");
    doubt.of_all = true;
    return doubt;
  }
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
    bool agreed = false, agreed_by_kind = false;
    for (std::size_t place = 0; place < counters->on_lists->size(); ++place) {
      if (!agree(sums.on_lists, (*counters->on_lists)[place], slack, whole)) continue;
      agreed = true;
      // Of shared memory the lists are the same and the mapping is not, so there may be less.
      agreed_by_kind =
          agreed_by_kind || agree(sums.anonymous, counters->anonymous[place], slack, false);
    }
    if (!agreed)
      add(doubt, level & kListed,
          "cache and user pages kept: " +
              against(sums.on_lists, "look as if on a list", counters->on_lists->front()));
    else if (!agreed_by_kind)
      add(doubt, level & kListed,
          "cache and user pages kept: " +
              against(sums.anonymous, "look like a process's", counters->anonymous.front()));
  }
  // A page is on no list for moments: while it is new, moved or taken back, some dozens for each
  // CPU. Of a kernel's own pages, seen through a wrong offset, half have an odd word.
  if ((doubt.bits & kListed) == 0 &&
      sums.strays > sums.on_lists / 16 + present / 512 + counters->zones * 64)
    add(doubt, level & kListed,
        "cache and user pages kept: " + std::to_string(sums.strays) +
            " pages look like a process's and are on no list");
  return doubt;
}

}  // namespace mkcapture::dump
