// The pages that are written before all others (VmcoreSource::first_pages()), and where their
// descriptors belong, which follow each other by page frame whatever the order of the pages.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "init/dump/pages.h"

namespace mkcapture::dump {

/// One that is in the file.
struct EarlyPage {
  std::uint64_t ordinal = 0;  // the pages in the dump before it
  std::uint64_t offset = 0;   // in the file
  std::uint32_t size = 0;
  std::uint32_t flags = 0;
};

/// Memory: 8 bytes for each page, of which there are kMostFirstPages at most, and 32 for each run.
class EarlyPages {
 public:
  /// `runs`: in the order in which they shall be written; no page twice.
  explicit EarlyPages(const std::vector<PageRun>& runs);

  /// Begins to count, before each pass that does.
  void restart();
  /// For each cycle, ascending: `bits` are those of the pages that are kept, `before` pages of
  /// cycles before it are.
  void count(std::uint64_t first_pfn, std::span<const std::uint8_t> bits, std::uint64_t before);

  /// Takes the next kept pages that follow each other, at most `most`; count 0 behind the last one.
  PageRun take_run(std::uint64_t most);
  /// What became of the pages of take_run(), one after the other. Offsets are at most 4 GiB behind
  /// `first_page_at`, which is the same for all. One that could not be read is tried again in its
  /// turn among all others.
  void stored(std::uint64_t first_page_at, const EarlyPage& page);
  void not_stored() { (void)next_kept(outcome_); }

  /// Clears the bits of the pages that are stored.
  void clear_stored(std::uint64_t first_pfn, std::span<std::uint8_t> bits) const;

  /// A place among all pages by page frame, and so by ordinal.
  struct Place {
    std::size_t run = 0;
    std::uint32_t page = 0;  // of the run
    std::uint64_t kept = 0;  // of the run, before it
  };
  /// The next stored page from `place` on, which is moved behind it.
  [[nodiscard]] std::optional<EarlyPage> next(Place& place) const;
  /// The next stored page that due() has not given, if its ordinal is `ordinal`. From the first
  /// call on nothing else is stored.
  std::optional<EarlyPage> due(std::uint64_t ordinal);

 private:
  static constexpr std::uint64_t kNotCounted = ~std::uint64_t{0};

  struct Run {
    std::uint64_t first = 0;              // page frame
    std::uint64_t ordinal = kNotCounted;  // the pages in the dump before it
    std::uint32_t count = 0;
    std::uint32_t pages_at = 0;  // index into pages_
  };
  struct Page {
    std::uint32_t place = 0;  // 1 + bytes behind the first page of the file; 0: not there
    std::uint32_t size : 18 = 0;
    std::uint32_t flags : 13 = 0;
    std::uint32_t kept : 1 = 0;  // by the filter
  };
  /// A place among all pages in the order in which they are written.
  struct Turn {
    std::size_t run = 0;     // of order_
    std::uint32_t page = 0;  // of the run
  };

  /// Moves to the next kept page; false behind the last.
  [[nodiscard]] bool go_to_kept(Turn& turn) const;
  /// The next kept page, behind which `turn` is then; null behind the last.
  Page* next_kept(Turn& turn);

  std::vector<Run> runs_;             // by page frame
  std::vector<std::uint32_t> order_;  // indices into runs_, as they are written
  std::vector<Page> pages_;           // by page frame
  std::uint64_t first_page_at_ = 0;   // in the file
  Turn taken_, outcome_;
  Place due_;
  std::optional<EarlyPage> ahead_;  // at due_
  bool looked_ = false;
};

}  // namespace mkcapture::dump
