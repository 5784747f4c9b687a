// Page frames in the order of their value, each once.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "init/dump/pages.h"

namespace mkcapture::dump {

/// At most kMostFirstPages of them, in some 0.5 MB. Within a tier they are ascending.
class FoundPages {
 public:
  FoundPages() : slots_(2 * kMostFirstPages) { pages_.reserve(kMostFirstPages); }

  /// False where it is there already, or there is no room.
  bool add(std::uint64_t pfn) {
    if (pages_.size() == kMostFirstPages) return false;
    // Fibonacci hashing: neighbours are added together.
    std::size_t slot = (pfn * 0x9e3779b97f4a7c15U) >> 40 & (slots_.size() - 1);
    for (; slots_[slot] != 0; slot = (slot + 1) & (slots_.size() - 1)) {
      if (pages_[slots_[slot] - 1] == pfn) return false;
    }
    pages_.push_back(pfn);
    slots_[slot] = static_cast<std::uint32_t>(pages_.size());
    return true;
  }
  [[nodiscard]] std::size_t size() const { return pages_.size(); }
  [[nodiscard]] std::uint64_t operator[](std::size_t i) const { return pages_[i]; }

  /// What was added since the last call comes before everything that is added from now on.
  void end_tier() {
    std::vector<std::uint64_t> tier(pages_.begin() + static_cast<std::ptrdiff_t>(tier_begin_),
                                    pages_.end());
    tier_begin_ = pages_.size();
    std::sort(tier.begin(), tier.end());
    bool first = true;
    for (const std::uint64_t pfn : tier) {
      if (!first && runs_.back().first + runs_.back().count == pfn)
        ++runs_.back().count;
      else
        runs_.push_back({pfn, 1});
      first = false;
    }
  }
  [[nodiscard]] std::vector<PageRun> take_runs() { return std::move(runs_); }

 private:
  std::vector<std::uint64_t> pages_;
  std::vector<std::uint32_t> slots_;  // 1 + index into pages_; 0: none
  std::vector<PageRun> runs_;
  std::size_t tier_begin_ = 0;
};

}  // namespace mkcapture::dump
