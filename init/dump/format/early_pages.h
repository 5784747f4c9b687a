// The pages that are written before all others (VmcoreSource::first_pages()), and where their
// descriptors belong, which follow each other by page frame whatever the order of the pages.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "init/dump/pages.h"

namespace mkcapture::dump {

struct EarlyPage {
  std::uint64_t pfn = 0;
  std::uint64_t ordinal = 0;  // the pages in the dump before it
  std::uint64_t offset = 0;   // in the file; 0: not there (yet)
  std::uint32_t size = 0;
  std::uint16_t flags = 0;
  bool kept = false;  // by the filter
};

/// Memory: 40 bytes for each page, of which there are kMostFirstPages at most.
class EarlyPages {
 public:
  /// `runs`: in the order in which they shall be written; no page twice.
  explicit EarlyPages(const std::vector<PageRun>& runs);

  /// Begins to count, before each pass that does.
  void restart();
  /// For each cycle, ascending: `bits` are those of the pages that are kept, `before` pages of
  /// cycles before it are.
  void count(std::uint64_t first_pfn, std::span<const std::uint8_t> bits, std::uint64_t before);

  /// Takes the next run of kept pages, at most `most` of them; count 0 behind the last one.
  PageRun take_run(std::uint64_t most);
  /// What became of the pages of take_run(), one after the other. One that could not be read is
  /// tried again in its turn among all others.
  void stored(std::uint64_t offset, std::uint32_t size, std::uint32_t flags);
  void not_stored() { outcome_ = skip(outcome_) + 1; }

  /// Clears the bits of the pages that are stored.
  void clear_stored(std::uint64_t first_pfn, std::span<std::uint8_t> bits) const;
  /// The next stored page that has not been asked for, if its ordinal is `ordinal`; else null.
  const EarlyPage* due(std::uint64_t ordinal);
  /// By page frame, and so by ordinal.
  [[nodiscard]] std::span<const EarlyPage> pages() const { return pages_; }

 private:
  /// The index in order_ of the next kept page from `i` on.
  [[nodiscard]] std::size_t skip(std::size_t i) const {
    while (i < order_.size() && !pages_[order_[i]].kept)
      ++i;
    return i;
  }

  std::vector<EarlyPage> pages_;         // by page frame
  std::vector<std::uint32_t> order_;     // indices into pages_, as they are written
  std::size_t counted_ = 0;              // of pages_
  std::size_t taken_ = 0, outcome_ = 0;  // of order_
  std::size_t due_ = 0;                  // of pages_
};

}  // namespace mkcapture::dump
