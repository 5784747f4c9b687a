#include "init/dump/select/unused_descriptors.h"

#include <algorithm>

#include "init/dump/select/kept_pages.h"

namespace mkcapture::dump {
namespace {

constexpr std::uint64_t kCycleBytes = kCyclePages / 8;
constexpr std::uint64_t kSmallPage = 4096;  // the smallest piece of virtual memory

/// Extents in ascending order of what they describe; grows the last one where it can. False where
/// there is no room.
bool add(std::vector<DescriptorExtent>& extents, const DescriptorExtent& e) {
  if (!extents.empty()) {
    DescriptorExtent& last = extents.back();
    if (last.paddr + last.size == e.paddr && last.at + last.size == e.at) {
      last.size += e.size;
      return true;
    }
  }
  if (extents.size() == kMostExtents) return false;
  extents.push_back(e);
  return true;
}

void set_bit(std::vector<std::uint8_t>& bits, std::uint64_t i) {
  bits[i / 8] = static_cast<std::uint8_t>(bits[i / 8] | 1U << (i % 8));
}

}  // namespace

DescriptorPlaces find_descriptors(const CrashedMachine& machine, PageMap& map, KernelMemory& memory,
                                  std::uint64_t descriptor_size) {
  DescriptorPlaces places{.descriptor_size = descriptor_size, .extents = {}, .note = {}};
  for (const MemoryRange& range : machine.ranges) {
    const std::uint64_t end = (range.paddr + range.size) / machine.page_size;
    std::uint64_t pfn = range.paddr / machine.page_size;
    while (pfn < end) {
      const DescriptorRun run = map.find(pfn);
      const std::uint64_t count = std::min(run.count, end - pfn);
      const std::uint64_t size = run.address == 0 ? 0 : count * descriptor_size;
      for (std::uint64_t done = 0; done < size;) {
        const std::uint64_t address = run.address + done;
        const auto extent = memory.translate(address);
        const std::uint64_t n =
            std::min(size - done, extent ? extent->size : kSmallPage - address % kSmallPage);
        if (extent && !add(places.extents, {extent->paddr, n, pfn * descriptor_size + done})) {
          places.extents.clear();
          places.note = "all page descriptors kept: they lie in too many pieces";
          return places;
        }
        done += n;
      }
      pfn += count;
    }
  }
  std::sort(places.extents.begin(), places.extents.end(),
            [](const auto& a, const auto& b) { return a.paddr < b.paddr; });
  return places;
}

UnusedDescriptors::UnusedDescriptors(const CrashedMachine& machine,
                                     std::unique_ptr<PageFilter> filter, DescriptorPlaces places,
                                     MakeFilter make_filter)
    : machine_(&machine),
      filter_(std::move(filter)),
      places_(std::move(places)),
      make_filter_(std::move(make_filter)) {
  std::uint64_t cycles = 0;
  for (const MemoryRange& range : machine.ranges)
    cycles += range.size / machine.page_size / kCyclePages + 2;
  judgements_left_ = 4 * cycles;
  update_note();
}

Status UnusedDescriptors::keep(std::uint64_t first_pfn, std::span<std::uint8_t> bits) {
  TRY(filter_->keep(first_pfn, bits));
  used_.assign(bits.size(), 0);
  unused_.assign(bits.size(), 0);
  const std::uint64_t begin = first_pfn * machine_->page_size;
  const std::uint64_t end = (first_pfn + bits.size() * 8) * machine_->page_size;
  for (const DescriptorExtent& e : places_.extents) {
    if (e.paddr >= end) break;
    if (e.paddr + e.size > begin) TRY(sort_out(e, first_pfn));
  }
  for (std::size_t i = 0; i < bits.size(); ++i)
    bits[i] = static_cast<std::uint8_t>(bits[i] & ~(unused_[i] & ~used_[i]));
  update_note();
  return {};
}

/// The whole pages of `extent` that are of the cycle at hand.
Status UnusedDescriptors::sort_out(const DescriptorExtent& extent, std::uint64_t first_pfn) {
  const std::uint64_t page = machine_->page_size;
  const std::uint64_t first = std::max((extent.paddr + page - 1) / page, first_pfn);
  const std::uint64_t end =
      std::min((extent.paddr + extent.size) / page, first_pfn + used_.size() * 8);
  for (std::uint64_t pfn = first; pfn < end; ++pfn) {
    const std::uint64_t at = extent.at + (pfn * page - extent.paddr);
    const std::uint64_t described = at / places_.descriptor_size;
    const std::uint64_t described_end =
        (at + page + places_.descriptor_size - 1) / places_.descriptor_size;
    const auto kept = any_kept(described, described_end);
    if (!kept) return kept.error();
    set_bit(*kept ? used_ : unused_, pfn - first_pfn);
  }
  return {};
}

Result<bool> UnusedDescriptors::any_kept(std::uint64_t pfn, std::uint64_t end) {
  while (pfn < end) {
    const std::uint64_t cycle = pfn / kCyclePages * kCyclePages;
    if (judged_.empty() || judged_from_ != cycle) {
      if (judgements_left_ == 0) return true;
      --judgements_left_;
      TRY(judge(cycle));
    }
    const PageRun run = next_run(judged_, pfn - cycle);
    if (run.count > 0 && cycle + run.first < end) return true;
    pfn = cycle + kCyclePages;
  }
  return false;
}

Status UnusedDescriptors::judge(std::uint64_t first_pfn) {
  // A filter only goes forward.
  if (judge_ == nullptr || first_pfn < judged_from_) {
    auto filter = make_filter_();
    if (!filter) return std::move(filter).error();
    judge_ = std::move(*filter);
  }
  judged_from_ = first_pfn;
  judged_.resize(kCycleBytes);
  return judge_->keep(first_pfn, judged_);
}

void UnusedDescriptors::update_note() {
  note_ = filter_->note();
  if (places_.note.empty()) return;
  if (!note_.empty()) note_ += "; ";
  note_ += places_.note;
}

}  // namespace mkcapture::dump
