#include "init/dump/format/early_pages.h"

#include <algorithm>
#include <bit>

#include "init/dump/select/kept_pages.h"

namespace mkcapture::dump {

EarlyPages::EarlyPages(const std::vector<PageRun>& runs) {
  std::size_t count = 0;
  runs_.reserve(runs.size());
  for (const PageRun& run : runs) {
    const std::uint64_t taken = std::min<std::uint64_t>(run.count, kMostFirstPages - count);
    if (taken == 0) continue;
    // The number goes with the run while it is sorted.
    runs_.push_back({.first = run.first,
                     .count = static_cast<std::uint32_t>(taken),
                     .pages_at = static_cast<std::uint32_t>(runs_.size())});
    count += static_cast<std::size_t>(taken);
  }
  std::sort(runs_.begin(), runs_.end(),
            [](const Run& a, const Run& b) { return a.first < b.first; });
  order_.resize(runs_.size());
  std::uint32_t at = 0;
  for (std::uint32_t i = 0; i < runs_.size(); ++i) {
    order_[runs_[i].pages_at] = i;
    runs_[i].pages_at = at;
    at += runs_[i].count;
  }
  pages_.resize(count);
}

void EarlyPages::restart() {
  for (Run& run : runs_)
    run.ordinal = kNotCounted;
  for (Page& page : pages_)
    page.kept = 0;
}

void EarlyPages::count(std::uint64_t first_pfn, std::span<const std::uint8_t> bits,
                       std::uint64_t before) {
  const std::uint64_t end = first_pfn + bits.size() * 8;
  std::size_t byte = 0;  // up to which `before` has counted
  auto run = std::partition_point(runs_.begin(), runs_.end(),
                                  [&](const Run& r) { return r.first + r.count <= first_pfn; });
  for (; run != runs_.end() && run->first < end; ++run) {
    // Of a run that began in an earlier cycle the ordinal is known, or none of its pages was kept.
    const std::uint64_t from = std::max(run->first, first_pfn);
    if (run->ordinal == kNotCounted) {
      const auto at = static_cast<std::size_t>((from - first_pfn) / 8);
      before += count_bits(bits.subspan(byte, at - byte));
      byte = at;
      const unsigned below = bits[at] & ((1U << (from % 8)) - 1);
      run->ordinal = before + static_cast<unsigned>(std::popcount(below));
    }
    for (std::uint64_t pfn = from; pfn < std::min(run->first + run->count, end); ++pfn) {
      const unsigned bit = bits[static_cast<std::size_t>((pfn - first_pfn) / 8)] >> (pfn % 8) & 1;
      pages_[run->pages_at + static_cast<std::size_t>(pfn - run->first)].kept = bit & 1;
    }
  }
}

bool EarlyPages::go_to_kept(Turn& turn) const {
  for (; turn.run < order_.size(); ++turn.run, turn.page = 0) {
    const Run& run = runs_[order_[turn.run]];
    for (; turn.page < run.count; ++turn.page) {
      if (pages_[run.pages_at + turn.page].kept != 0) return true;
    }
  }
  return false;
}

EarlyPages::Page* EarlyPages::next_kept(Turn& turn) {
  if (!go_to_kept(turn)) return nullptr;
  return &pages_[runs_[order_[turn.run]].pages_at + turn.page++];
}

PageRun EarlyPages::take_run(std::uint64_t most) {
  PageRun taken;
  if (!go_to_kept(taken_)) return taken;
  const Run& run = runs_[order_[taken_.run]];
  taken.first = run.first + taken_.page;
  while (taken_.page < run.count && taken.count < most &&
         pages_[run.pages_at + taken_.page].kept != 0) {
    ++taken_.page;
    ++taken.count;
  }
  return taken;
}

void EarlyPages::stored(std::uint64_t first_page_at, const EarlyPage& page) {
  first_page_at_ = first_page_at;
  Page* const outcome = next_kept(outcome_);
  if (outcome == nullptr) return;
  outcome->place = static_cast<std::uint32_t>(page.offset - first_page_at + 1);
  outcome->size = page.size & 0x3ffff;
  outcome->flags = page.flags & 0x1fff;
}

void EarlyPages::clear_stored(std::uint64_t first_pfn, std::span<std::uint8_t> bits) const {
  const std::uint64_t end = first_pfn + bits.size() * 8;
  auto run = std::partition_point(runs_.begin(), runs_.end(),
                                  [&](const Run& r) { return r.first + r.count <= first_pfn; });
  for (; run != runs_.end() && run->first < end; ++run) {
    for (std::uint64_t pfn = std::max(run->first, first_pfn);
         pfn < std::min(run->first + run->count, end); ++pfn) {
      if (pages_[run->pages_at + static_cast<std::size_t>(pfn - run->first)].place == 0) continue;
      auto& byte = bits[static_cast<std::size_t>((pfn - first_pfn) / 8)];
      byte = static_cast<std::uint8_t>(byte & ~(1U << (pfn % 8)));
    }
  }
}

std::optional<EarlyPage> EarlyPages::next(Place& place) const {
  for (; place.run < runs_.size(); ++place.run, place.page = 0, place.kept = 0) {
    const Run& run = runs_[place.run];
    while (place.page < run.count) {
      const Page& page = pages_[run.pages_at + place.page++];
      const std::uint64_t ordinal = run.ordinal + place.kept;
      place.kept += page.kept;
      if (page.place == 0) continue;
      return EarlyPage{.ordinal = ordinal,
                       .offset = first_page_at_ + page.place - 1,
                       .size = page.size,
                       .flags = page.flags};
    }
  }
  return std::nullopt;
}

std::optional<EarlyPage> EarlyPages::due(std::uint64_t ordinal) {
  if (!looked_) ahead_ = next(due_);
  looked_ = true;
  if (!ahead_ || ahead_->ordinal != ordinal) return std::nullopt;
  looked_ = false;
  return ahead_;
}

}  // namespace mkcapture::dump
