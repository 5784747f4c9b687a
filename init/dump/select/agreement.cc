#include "init/dump/select/agreement.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <vector>

#include "init/dump/pages.h"
#include "init/dump/select/kept_pages.h"
#include "init/dump/select/page_rules.h"

namespace mkcapture::dump {
namespace {

constexpr std::size_t kCycleBytes = kCyclePages / 8;

// include/uapi/linux/kernel-page-flags.h
constexpr std::uint64_t kLru = 1ULL << 5, kSlab = 1ULL << 7, kBuddy = 1ULL << 10,
                        kAnon = 1ULL << 12, kSwapCache = 1ULL << 13, kTail = 1ULL << 16,
                        kHuge = 1ULL << 17, kHwPoison = 1ULL << 19, kNoPage = 1ULL << 20,
                        kOffline = 1ULL << 23;

/// What the kernel says of a page; flags that only a compound page's head has come from `head`.
PageClass class_by_kernel(std::uint64_t flags, std::uint64_t head) {
  const std::uint64_t whole = (flags & kTail) != 0 ? head : flags;
  if (((flags | whole) & kOffline) != 0 || (flags & kHwPoison) != 0) return PageClass::kUnreadable;
  if ((flags & kBuddy) != 0) return PageClass::kFree;
  if ((whole & kSlab) != 0) return PageClass::kKernel;
  if ((whole & (kAnon | kHuge)) != 0) return PageClass::kUser;
  if ((whole & (kLru | kSwapCache)) != 0) return PageClass::kCache;
  return PageClass::kKernel;
}

/// What the filter makes of the pages of one cycle: left out by which level.
class Judged {
 public:
  explicit Judged(VmcoreSource& source) : source_(source) {}

  /// Fresh filters, so that a cycle may be looked at again. They live until forget(): they have
  /// megabytes of this machine's memory, which must not change hands before the kernel was asked.
  Status judge(std::uint64_t first_pfn) {
    for (std::size_t i = 0; i < kLevels.size(); ++i) {
      auto filter = source_.filter(kLevels[i]);
      if (!filter) return std::move(filter).error();
      filters_.push_back(std::move(*filter));
      if (filters_.back()->level() != kLevels[i]) return fail(filters_.back()->note());
      bits_[i].resize(kCycleBytes);
      TRY(filters_.back()->keep(first_pfn, bits_[i]));
    }
    return {};
  }
  void forget() { filters_.clear(); }
  [[nodiscard]] PageClass class_of(std::uint64_t i) const {
    constexpr PageClass kClasses[] = {PageClass::kUnreadable, PageClass::kFree, PageClass::kUser,
                                      PageClass::kCache};
    for (std::size_t n = 0; n < kLevels.size(); ++n) {
      if ((bits_[n][i / 8] >> (i % 8) & 1) == 0) return kClasses[n];
    }
    return PageClass::kKernel;
  }

 private:
  // Level 0 leaves out what must not be read.
  static constexpr std::array<int, 4> kLevels = {0, kLevelFree, kLevelUser, kLevelCachePrivate};

  VmcoreSource& source_;
  std::vector<std::unique_ptr<PageFilter>> filters_;
  std::array<std::vector<std::uint8_t>, 4> bits_;
};

class Comparison {
 public:
  Comparison(VmcoreSource& source, KernelPageFlags& kernel)
      : source_(source), kernel_(kernel), judged_(source) {}

  /// The kernel is asked before the filter looks and after it: a page that is not the same then can
  /// not be compared. One that differs counts if it did at each of several looks.
  Status compare(std::uint64_t first_pfn) {
    present_.assign(kCycleBytes, 0);
    set_present(source_.crashed(), first_pfn, present_);
    truth_.assign(kCyclePages, PageClass::kNone);
    agreed_.assign(kCyclePages, false);
    bool all_agree = false;
    for (int looks = 0; looks < kMostLooks && !all_agree; ++looks) {
      ask(first_pfn, before_);
      TRY(judged_.judge(first_pfn));
      ask(first_pfn, after_);
      all_agree = look();
    }
    judged_.forget();
    count();
    return {};
  }
  [[nodiscard]] const AgreementReport& report() const { return report_; }

 private:
  static constexpr int kMostLooks = 5;
  using Classes = std::vector<PageClass>;  // kNone: there is no page

  void ask(std::uint64_t first_pfn, Classes& said) {
    said.assign(kCyclePages, PageClass::kNone);
    std::uint64_t head = 0;
    for (std::uint64_t done = 0; done < kCyclePages;) {
      const std::size_t got = kernel_.read(first_pfn + done, flags_);
      if (got == 0) break;
      const std::uint64_t end = std::min<std::uint64_t>(kCyclePages, done + got);
      for (std::uint64_t i = done; i < end; ++i) {
        const std::uint64_t flags = flags_[i - done];
        if ((flags & kTail) == 0) head = flags;
        if ((present_[i / 8] >> (i % 8) & 1) == 0 || (flags & kNoPage) != 0) continue;
        said[i] = class_by_kernel(flags, head);
      }
      done = end;
    }
  }

  /// Whether the filter was right about each page by now.
  bool look() {
    bool all = true;
    for (std::uint64_t i = 0; i < kCyclePages; ++i) {
      if (agreed_[i] || after_[i] == PageClass::kNone) continue;
      if (before_[i] == after_[i]) {
        truth_[i] = after_[i];
        agreed_[i] = judged_.class_of(i) == after_[i];
      }
      all = all && agreed_[i];
    }
    return all;
  }

  void count() {
    for (std::uint64_t i = 0; i < kCyclePages; ++i) {
      if (truth_[i] == PageClass::kNone) {
        if (after_[i] != PageClass::kNone) ++report_.changing;
        continue;
      }
      auto& of = report_.classes[static_cast<std::size_t>(truth_[i])];
      ++of.pages;
      if (agreed_[i]) continue;
      ++of.differ;
      if (truth_[i] == PageClass::kKernel) ++report_.own_left_out;
    }
  }

  VmcoreSource& source_;
  KernelPageFlags& kernel_;
  Judged judged_;
  AgreementReport report_;
  std::vector<std::uint8_t> present_;
  Classes before_, after_;  // what the kernel says at this look
  Classes truth_;           // at the last one at which it said the same twice
  std::vector<bool> agreed_;
  std::array<std::uint64_t, 4096> flags_{};
};

/// Gives each cycle with memory in it, and nothing of its pages.
class NobodyWaits final : public DumpProgress {
  void update(std::uint64_t, std::uint64_t, std::uint64_t) override {}
};

}  // namespace

Result<AgreementReport> compare_filter(VmcoreSource& source, KernelPageFlags& kernel) {
  Comparison comparison(source, kernel);
  NobodyWaits nobody;
  auto pages = KeptPages::create(source, 0, Descriptors::kAll, nobody);
  if (!pages) return std::move(pages).error();
  TRY(pages->for_each_cycle([&](std::uint64_t first_pfn, std::span<std::uint8_t>) {
    return comparison.compare(first_pfn);
  }));
  return comparison.report();
}

}  // namespace mkcapture::dump
