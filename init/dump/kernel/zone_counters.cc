#include "init/dump/kernel/zone_counters.h"

#include <algorithm>

namespace mkcapture::dump {
namespace {

constexpr std::uint64_t kMostNodes = 4096;  // NODES_SHIFT is 10 at most
constexpr std::uint64_t kMostZones = 8;     // of a node; there are six kinds
constexpr std::uint64_t kMostOrders = 32;
constexpr std::uint64_t kMostBytes = 1 << 20;  // of a structure

/// Offsets and sizes of VMCOREINFO (kernel/crash_core.c, kernel/vmcore_info.c; all since 2.6.24).
struct ZoneLayout {
  std::uint64_t node_zones = 0, nr_zones = 0, zone_size = 0;
  std::uint64_t free_area = 0, area_size = 0, nr_free = 0, orders = 0;
  std::uint64_t spanned = 0;
  std::optional<std::uint64_t> vm_stat, free_item;
};

std::optional<ZoneLayout> zone_layout(const Vmcoreinfo& info, std::size_t word_size) {
  const auto node_zones = info.offset("pglist_data.node_zones");
  const auto nr_zones = info.offset("pglist_data.nr_zones");
  const auto zone_size = info.size("zone");
  const auto free_area = info.offset("zone.free_area");
  const auto area_size = info.size("free_area");
  const auto orders = info.length("zone.free_area");
  const auto spanned = info.offset("zone.spanned_pages");
  if (!node_zones || !nr_zones || !zone_size || !free_area || !area_size || !orders || !spanned)
    return std::nullopt;
  for (const auto& v : {node_zones, nr_zones, zone_size, free_area, area_size, spanned}) {
    if (*v > kMostBytes) return std::nullopt;
  }
  if (*orders == 0 || *orders > kMostOrders || *area_size < word_size) return std::nullopt;
  ZoneLayout l;
  l.node_zones = *node_zones;
  l.nr_zones = *nr_zones;
  l.zone_size = *zone_size;
  l.free_area = *free_area;
  l.area_size = *area_size;
  l.nr_free = *area_size - word_size;  // the last member, behind the lists
  l.orders = *orders;
  l.spanned = *spanned;
  l.vm_stat = info.offset("zone.vm_stat");
  l.free_item = info.number("NR_FREE_PAGES");
  return l;
}

class ZoneReader {
 public:
  ZoneReader(const ZoneLayout& layout, KernelMemory& memory) : l_(layout), memory_(&memory) {
    if (l_.vm_stat && l_.free_item && *l_.vm_stat <= kMostBytes && *l_.free_item < 64) {
      sums_.on_lists.emplace();
      sums_.free_item = 0;
    }
    sums_.block_pages = std::uint64_t{1} << (l_.orders - 1);
  }

  bool add_node(std::uint64_t node) {
    const auto zones = memory_->u32(node + l_.nr_zones);
    if (!zones || *zones > kMostZones) return false;
    for (std::uint64_t i = 0; i < *zones; ++i) {
      if (!add_zone(node + l_.node_zones + i * l_.zone_size)) return false;
    }
    return true;
  }
  [[nodiscard]] const ZoneCounters& sums() const { return sums_; }

 private:
  bool add_zone(std::uint64_t zone) {
    const auto spanned = memory_->word(zone + l_.spanned);
    if (!spanned) return false;
    if (*spanned == 0) return true;
    sums_.spanned_pages += *spanned;
    ++sums_.zones;
    for (std::uint64_t order = 0; order < l_.orders; ++order) {
      const auto blocks = memory_->word(zone + l_.free_area + order * l_.area_size + l_.nr_free);
      if (!blocks || *blocks > *spanned) return false;
      sums_.free_pages += *blocks << order;
    }
    return !sums_.on_lists || add_items(zone + *l_.vm_stat);
  }

  bool add_items(std::uint64_t vm_stat) {
    constexpr std::size_t kLists = 5;
    std::array<std::uint64_t, ZoneCounters::kListPlaces + kLists - 1> items{};
    const std::size_t word = memory_->fields().word_size();
    for (std::size_t i = 0; i < items.size() + 1; ++i) {
      const auto item = memory_->word(vm_stat + (*l_.free_item + i) * word);
      if (!item) return false;
      // A counter may be a little below 0 for a moment.
      const bool negative = (*item >> (word * 8 - 1)) != 0;
      const std::uint64_t count = negative ? 0 : *item;
      if (i == 0)
        *sums_.free_item += count;
      else
        items[i - 1] = count;
    }
    for (std::size_t place = 0; place < ZoneCounters::kListPlaces; ++place) {
      for (std::size_t i = 0; i < kLists; ++i)
        (*sums_.on_lists)[place] += items[place + i];
      // enum zone_stat_item: inactive and active of processes, of files, then unevictable.
      sums_.anonymous[place] += items[place] + items[place + 1] + items[place + 4];
    }
    return true;
  }

  ZoneLayout l_;
  KernelMemory* memory_;
  ZoneCounters sums_;
};

}  // namespace

std::optional<ZoneCounters> read_zone_counters(const Vmcoreinfo& info, KernelMemory& memory) {
  const auto layout = zone_layout(info, memory.fields().word_size());
  if (!layout) return std::nullopt;
  ZoneReader reader(*layout, memory);
  if (const auto nodes = info.symbol("node_data")) {
    const std::uint64_t count = std::min(info.length("node_data").value_or(1), kMostNodes);
    for (std::uint64_t i = 0; i < count; ++i) {
      const auto node = memory.word(*nodes + i * memory.fields().word_size());
      if (!node || (*node != 0 && !reader.add_node(*node))) return std::nullopt;
    }
  } else if (const auto node = info.symbol("contig_page_data")) {
    if (!reader.add_node(*node)) return std::nullopt;
  }
  if (reader.sums().zones == 0) return std::nullopt;
  return reader.sums();
}

}  // namespace mkcapture::dump
