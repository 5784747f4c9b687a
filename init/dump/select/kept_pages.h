// Which pages go into the dump, as bits, cycle by cycle, as often as a writer needs them: it counts
// before it writes. Memory stays bounded on any machine: the bits of small machines are kept
// between the passes, large ones are filtered anew.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "init/base/result.h"
#include "init/dump/pages.h"

namespace mkcapture::dump {

/// Page frames in a cycle: 32 KiB of bits, 1 GiB of memory with 4 KiB pages.
inline constexpr std::uint64_t kCyclePages = std::uint64_t{1} << 18;

/// The next run of set bits at or behind `from`; count 0 where there is none.
[[nodiscard]] PageRun next_run(std::span<const std::uint8_t> bits, std::uint64_t from) noexcept;
[[nodiscard]] std::uint64_t count_bits(std::span<const std::uint8_t> bits) noexcept;
/// Sets the bits of the page frames of `machine`'s ranges in [first_pfn, first_pfn + 8 * size); the
/// others are left as they are.
void set_present(const CrashedMachine& machine, std::uint64_t first_pfn,
                 std::span<std::uint8_t> bits) noexcept;

class KeptPages {
 public:
  /// `first_pfn` is a multiple of kCyclePages. A visitor may change the bits; the next pass does
  /// not see it.
  using Visitor = std::function<Status(std::uint64_t first_pfn, std::span<std::uint8_t> bits)>;

  /// `source` and `progress` must outlive this. Fails where the filter cannot be made.
  static Result<KeptPages> create(VmcoreSource& source, int level, Descriptors descriptors,
                                  DumpProgress& progress);

  /// The pass that comes before all others, which proves the filter: where at its end the crashed
  /// kernel's own counters contradict it, it is made anew with a lower level and another pass
  /// begins (where nothing is left to trust, with every page kept). `begin` is called before each.
  Status first_pass(const std::function<void()>& begin, const Visitor& visit);
  /// Every cycle with memory in it, ascending; stops at the first error of the filter or `visit`.
  Status for_each_cycle(const Visitor& visit);

  /// Final after first_pass().
  [[nodiscard]] int level_reached() const noexcept { return level_reached_; }
  /// Of the filter, which may find more to say with each cycle.
  [[nodiscard]] const std::string& note() const noexcept { return note_; }
  /// Page frames in the machine's ranges (a page that two ranges share counts once).
  [[nodiscard]] std::uint64_t pages_present() const noexcept { return pages_present_; }
  /// Whether page descriptors are left out as well.
  [[nodiscard]] bool without_descriptors() const noexcept { return without_descriptors_; }

 private:
  KeptPages(VmcoreSource& source, int level, Descriptors descriptors, DumpProgress& progress)
      : source_(&source), level_(level), descriptors_(descriptors), progress_(&progress) {}

  Status make_filter();
  void take_note();

  VmcoreSource* source_;
  int level_;
  bool trusted_ = true;           // false: every page is kept, whatever the descriptors say
  std::string doubts_;            // why level_ is lower than it was
  FilterDoubt* proof_ = nullptr;  // where the pass at hand leaves its filter's
  Descriptors descriptors_;
  DumpProgress* progress_;
  std::unique_ptr<PageFilter> filter_;  // for the next pass; null: to be made anew
  std::vector<std::uint8_t> bits_;      // of the cycle at hand, or of all where they are kept
  bool keep_all_ = false;
  bool all_known_ = false;
  int level_reached_ = 0;
  std::string note_;
  std::uint64_t pages_present_ = 0;
  std::uint64_t cycles_ = 0;
  bool without_descriptors_ = false;
};

}  // namespace mkcapture::dump
