#include "init/dump/select/kept_pages.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "init/dump/select/kept_all.h"

namespace mkcapture::dump {
namespace {

constexpr std::size_t kCycleBytes = kCyclePages / 8;
constexpr std::size_t kKeptBytes = 1 << 20;  // bits of 32 GiB with 4 KiB pages

std::uint64_t load_word(std::span<const std::uint8_t> bits, std::size_t byte) {
  std::uint64_t word = 0;
  const std::size_t n = std::min<std::size_t>(bits.size() - byte, 8);
  std::memcpy(&word, bits.data() + byte, n);
  if constexpr (std::endian::native == std::endian::big) word = __builtin_bswap64(word);
  return word;
}

/// The first bit at or behind `from` that is `set`; the number of bits where there is none.
std::uint64_t find_bit(std::span<const std::uint8_t> bits, std::uint64_t from, bool set) {
  const std::uint64_t end = bits.size() * 8;
  while (from < end) {
    const std::uint64_t base = from & ~std::uint64_t{63};
    std::uint64_t word = load_word(bits, base / 8);
    if (!set) word = ~word;
    word &= ~std::uint64_t{0} << (from - base);
    if (word != 0) return std::min(base + static_cast<unsigned>(std::countr_zero(word)), end);
    from = base + 64;
  }
  return end;
}

void set_bits(std::span<std::uint8_t> bits, std::uint64_t first, std::uint64_t end) {
  for (; first < end && first % 8 != 0; ++first) {
    bits[first / 8] = static_cast<std::uint8_t>(bits[first / 8] | (1U << (first % 8)));
  }
  if (end - first >= 8) {
    std::memset(bits.data() + first / 8, 0xff, (end - first) / 8);
    first += (end - first) / 8 * 8;
  }
  for (; first < end; ++first) {
    bits[first / 8] = static_cast<std::uint8_t>(bits[first / 8] | (1U << (first % 8)));
  }
}

PageRun frames_of(const MemoryRange& range, std::uint64_t page_size) {
  const std::uint64_t first = range.paddr / page_size;
  return {first, (range.paddr + range.size + page_size - 1) / page_size - first};
}

/// The cycles with memory in them, ascending.
class CycleWalk {
 public:
  explicit CycleWalk(const CrashedMachine& machine) : machine_(machine) {}
  bool next() {
    for (; range_ < machine_.ranges.size(); ++range_) {
      if (machine_.ranges[range_].size == 0) continue;
      const PageRun frames = frames_of(machine_.ranges[range_], machine_.page_size);
      const std::uint64_t cycle = std::max(next_, frames.first / kCyclePages * kCyclePages);
      if (cycle >= frames.first + frames.count) continue;
      first_pfn_ = cycle;
      next_ = cycle + kCyclePages;
      return true;
    }
    return false;
  }
  [[nodiscard]] std::uint64_t first_pfn() const { return first_pfn_; }

 private:
  const CrashedMachine& machine_;
  std::size_t range_ = 0;
  std::uint64_t next_ = 0;
  std::uint64_t first_pfn_ = 0;
};

}  // namespace

PageRun next_run(std::span<const std::uint8_t> bits, std::uint64_t from) noexcept {
  const std::uint64_t first = find_bit(bits, from, true);
  return {first, find_bit(bits, first, false) - first};
}

std::uint64_t count_bits(std::span<const std::uint8_t> bits) noexcept {
  std::uint64_t n = 0;
  for (std::size_t i = 0; i < bits.size(); i += 8) {
    n += static_cast<unsigned>(std::popcount(load_word(bits, i)));
  }
  return n;
}

void set_present(const CrashedMachine& machine, std::uint64_t first_pfn,
                 std::span<std::uint8_t> bits) noexcept {
  const std::uint64_t end_pfn = first_pfn + bits.size() * 8;
  const auto& ranges = machine.ranges;
  auto range = std::partition_point(ranges.begin(), ranges.end(), [&](const MemoryRange& r) {
    return r.paddr + r.size <= first_pfn * machine.page_size;
  });
  for (; range != ranges.end() && range->paddr / machine.page_size < end_pfn; ++range) {
    const PageRun frames = frames_of(*range, machine.page_size);
    const std::uint64_t first = std::max(frames.first, first_pfn);
    const std::uint64_t end = std::min(frames.first + frames.count, end_pfn);
    if (first < end) set_bits(bits, first - first_pfn, end - first_pfn);
  }
}

Result<KeptPages> KeptPages::create(VmcoreSource& source, int level, Descriptors descriptors,
                                    DumpProgress& progress) {
  KeptPages pages(source, level, descriptors, progress);
  TRY(pages.make_filter());

  std::uint64_t counted_up_to = 0;  // page frame
  for (const MemoryRange& range : source.crashed().ranges) {
    const PageRun frames = frames_of(range, source.crashed().page_size);
    const std::uint64_t end = frames.first + frames.count;
    const std::uint64_t fresh = std::max(frames.first, counted_up_to);
    if (end > fresh) pages.pages_present_ += end - fresh;
    counted_up_to = std::max(counted_up_to, end);
  }
  for (CycleWalk walk(source.crashed()); walk.next();)
    ++pages.cycles_;
  pages.keep_all_ = pages.cycles_ * kCycleBytes <= kKeptBytes;
  pages.bits_.resize((pages.keep_all_ ? pages.cycles_ : 1) * kCycleBytes);
  return pages;
}

Status KeptPages::make_filter() {
  if (trusted_) {
    auto filter = source_->filter(level_, descriptors_);
    if (!filter) return std::move(filter).error();
    filter_ = std::move(*filter);
  } else {
    filter_ = std::make_unique<KeepAll>(source_->crashed(), std::string());
  }
  level_reached_ = (filter_->level() & ~1) | (level_ & 1);
  without_descriptors_ = filter_->leaves_out_descriptors();
  take_note();
  return {};
}

void KeptPages::take_note() {
  note_ = doubts_;
  if (!note_.empty() && !filter_->note().empty()) note_ += "; ";
  note_ += filter_->note();
}

// Invariant: each turn lowers the level, or is the last but one.
Status KeptPages::first_pass(const std::function<void()>& begin, const Visitor& visit) {
  for (;;) {
    begin();
    FilterDoubt doubt;
    proof_ = &doubt;
    const Status passed = for_each_cycle(visit);
    proof_ = nullptr;
    TRY(passed);
    const int given_up = doubt.bits & level_reached_;
    if (given_up == 0 && !doubt.of_all) return {};
    level_ = level_reached_ & ~given_up;
    trusted_ = !doubt.of_all && (level_ & ~1) != 0;
    descriptors_ = Descriptors::kAll;
    if (!doubts_.empty()) doubts_ += "; ";
    doubts_ += doubt.why;
    all_known_ = false;
    filter_.reset();
  }
}

Status KeptPages::for_each_cycle(const Visitor& visit) {
  std::vector<std::uint8_t> copy;
  if (keep_all_) copy.resize(kCycleBytes);
  if (!all_known_ && filter_ == nullptr) TRY(make_filter());
  std::size_t place = 0;
  std::uint64_t done = 0;
  for (CycleWalk walk(source_->crashed()); walk.next();) {
    std::span<std::uint8_t> bits(bits_.data() + place, kCycleBytes);
    if (!all_known_) {
      TRY(filter_->keep(walk.first_pfn(), bits));
      take_note();
    }
    if (keep_all_) {
      place += kCycleBytes;
      std::memcpy(copy.data(), bits.data(), kCycleBytes);
      bits = copy;
    }
    progress_->looked_at(++done, cycles_);
    TRY(visit(walk.first_pfn(), bits));
  }
  if (proof_ != nullptr && filter_ != nullptr) *proof_ = filter_->doubt();
  filter_.reset();
  all_known_ = keep_all_;
  return {};
}

}  // namespace mkcapture::dump
