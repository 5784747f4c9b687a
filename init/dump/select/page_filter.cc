#include "init/dump/select/page_filter.h"

#include <algorithm>

#include "init/dump/select/kept_pages.h"

namespace mkcapture::dump {
namespace {

constexpr std::uint64_t kGathered = 64;     // descriptors that are put together from pieces
constexpr std::uint64_t kSmallPage = 4096;  // the smallest piece of virtual memory
constexpr std::uint64_t kBatchBytes = std::uint64_t{1} << 20;

}  // namespace

DescriptorFilter::DescriptorFilter(const CrashedMachine& machine, PageRules rules,
                                   std::unique_ptr<PageMap> map, KernelMemory& memory,
                                   std::unique_ptr<MemoryWindow> window,
                                   const std::optional<ZoneCounters>& counters)
    : machine_(&machine),
      rules_(std::move(rules)),
      map_(std::move(map)),
      memory_(&memory),
      window_(std::move(window)),
      counters_(counters),
      note_(rules_.note) {}

Status DescriptorFilter::keep(std::uint64_t first_pfn, std::span<std::uint8_t> bits) {
  std::fill(bits.begin(), bits.end(), std::uint8_t{0});
  set_present(*machine_, first_pfn, bits);
  PageBits pages{first_pfn, bits};
  pages.clear(first_pfn, decided_until_);

  // Only page frames with memory have a descriptor worth asking for.
  std::uint64_t pfn = std::max(first_pfn, std::min(decided_until_, pages.end_pfn()));
  while (pfn < pages.end_pfn()) {
    const PageRun run = next_run(bits, pfn - first_pfn);
    if (run.count == 0) break;
    pfn = first_pfn + run.first;
    const std::uint64_t end = pfn + run.count;
    while (pfn < end)
      pfn = filter_run(pfn, end, pages);
  }
  decided_until_ = std::max(decided_until_, pfn);
  update_note();
  return {};
}

// One array of descriptors, or a part of it. Returns where to go on: at least one page further.
std::uint64_t DescriptorFilter::filter_run(std::uint64_t pfn, std::uint64_t end, PageBits bits) {
  const DescriptorRun run = map_->find(pfn);
  std::uint64_t count = std::min(run.count, end - pfn);
  if (run.address == 0) {
    unknown_ += count;
    return pfn + count;
  }
  if (run.offline) {
    bits.clear(pfn, pfn + count);
    return pfn + count;
  }
  const std::uint64_t size = rules_.descriptor_size;
  Bytes descriptors = contiguous(run.address, std::min(count * size, kBatchBytes));
  std::uint64_t here = descriptors.size() / size;
  // A head and the descriptor behind it, which has an odd page frame, stay together.
  if (here < count && here > 1 && (pfn + here) % 2 != 0) --here;
  if (here < std::min<std::uint64_t>(count, 2)) {
    descriptors = gathered(run.address, std::min(count, kGathered - pfn % 2));
    here = descriptors.size() / size;
  }
  if (here == 0) {
    const std::uint64_t skipped = (kSmallPage - run.address % kSmallPage + size - 1) / size;
    count = std::min(count, skipped);
    unknown_ += count;
    return pfn + count;
  }
  return apply_rules(rules_, pfn, descriptors.first(here * size), bits, sums_);
}

FilterDoubt DescriptorFilter::doubt() const {
  std::uint64_t present = 0;
  for (const MemoryRange& range : machine_->ranges)
    present += range.size / machine_->page_size;
  return doubt_filter(sums_, counters_, present, rules_.level);
}

/// What lies together in physical memory, of the `size` bytes at `address`; may be empty.
Bytes DescriptorFilter::contiguous(std::uint64_t address, std::uint64_t size) {
  const auto extent = memory_->translate(address);
  if (!extent) return {};
  return window_->at(extent->paddr, static_cast<std::size_t>(std::min(size, extent->size)));
}

/// `count` descriptors that may lie apart; fewer where one cannot be read.
Bytes DescriptorFilter::gathered(std::uint64_t address, std::uint64_t count) {
  gathered_.clear();
  std::uint64_t left = count * rules_.descriptor_size;
  while (left > 0) {
    const Bytes piece = contiguous(address, left);
    if (piece.empty()) break;
    gathered_.insert(gathered_.end(), piece.begin(), piece.end());
    address += piece.size();
    left -= piece.size();
  }
  return gathered_;
}

void DescriptorFilter::update_note() {
  if (unknown_ == 0) return;
  note_ = rules_.note;
  if (!note_.empty()) note_ += "; ";
  note_ += std::to_string(unknown_) + " pages kept: no page descriptor could be read";
}

}  // namespace mkcapture::dump
