#include "init/dump/format/early_pages.h"

#include <algorithm>
#include <bit>

#include "init/dump/select/kept_pages.h"

namespace mkcapture::dump {

EarlyPages::EarlyPages(const std::vector<PageRun>& runs) {
  // Page frame and number in one word, which sorts by both; page frames have 44 bits at most.
  constexpr unsigned kNumberBits = 16;
  static_assert(kMostFirstPages <= 1U << kNumberBits);
  std::vector<std::uint64_t> places;
  for (const PageRun& run : runs) {
    for (std::uint64_t i = 0; i < run.count && places.size() < kMostFirstPages; ++i)
      places.push_back((run.first + i) << kNumberBits | places.size());
  }
  std::sort(places.begin(), places.end());
  pages_.resize(places.size());
  order_.resize(places.size());
  for (std::uint32_t i = 0; i < places.size(); ++i) {
    pages_[i].pfn = places[i] >> kNumberBits;
    order_[places[i] & ((1U << kNumberBits) - 1)] = i;
  }
}

void EarlyPages::restart() {
  counted_ = 0;
  for (EarlyPage& page : pages_)
    page.kept = false;
}

void EarlyPages::count(std::uint64_t first_pfn, std::span<const std::uint8_t> bits,
                       std::uint64_t before) {
  const std::uint64_t end = first_pfn + bits.size() * 8;
  std::size_t byte = 0;  // up to which `before` has counted
  for (; counted_ < pages_.size() && pages_[counted_].pfn < end; ++counted_) {
    EarlyPage& page = pages_[counted_];
    if (page.pfn < first_pfn) continue;  // of a cycle without memory
    const auto at = static_cast<std::size_t>((page.pfn - first_pfn) / 8);
    const auto bit = static_cast<unsigned>(page.pfn % 8);
    before += count_bits(bits.subspan(byte, at - byte));
    byte = at;
    page.kept = (bits[at] >> bit & 1) != 0;
    page.ordinal = before + static_cast<unsigned>(std::popcount(
                                static_cast<std::uint8_t>(bits[at] & ((1U << bit) - 1))));
  }
}

PageRun EarlyPages::take_run(std::uint64_t most) {
  PageRun run;
  for (taken_ = skip(taken_); taken_ < order_.size() && run.count < most; taken_ = skip(taken_)) {
    const std::uint64_t pfn = pages_[order_[taken_]].pfn;
    if (run.count > 0 && pfn != run.first + run.count) break;
    if (run.count++ == 0) run.first = pfn;
    ++taken_;
  }
  return run;
}

void EarlyPages::stored(std::uint64_t offset, std::uint32_t size, std::uint32_t flags) {
  outcome_ = skip(outcome_);
  EarlyPage& page = pages_[order_[outcome_++]];
  page.offset = offset;
  page.size = size;
  page.flags = static_cast<std::uint16_t>(flags);
}

void EarlyPages::clear_stored(std::uint64_t first_pfn, std::span<std::uint8_t> bits) const {
  const std::uint64_t end = first_pfn + bits.size() * 8;
  auto page = std::partition_point(pages_.begin(), pages_.end(),
                                   [&](const EarlyPage& p) { return p.pfn < first_pfn; });
  for (; page != pages_.end() && page->pfn < end; ++page) {
    if (page->offset == 0) continue;
    auto& byte = bits[static_cast<std::size_t>((page->pfn - first_pfn) / 8)];
    byte = static_cast<std::uint8_t>(byte & ~(1U << (page->pfn % 8)));
  }
}

const EarlyPage* EarlyPages::due(std::uint64_t ordinal) {
  while (due_ < pages_.size() && pages_[due_].offset == 0)
    ++due_;
  if (due_ == pages_.size() || pages_[due_].ordinal != ordinal) return nullptr;
  return &pages_[due_++];
}

}  // namespace mkcapture::dump
