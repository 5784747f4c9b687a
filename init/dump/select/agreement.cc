#include "init/dump/select/agreement.h"

#include <algorithm>
#include <array>
#include <cstring>
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

  /// Fresh filters, so that a cycle may be looked at again.
  Status judge(std::uint64_t first_pfn) {
    for (std::size_t i = 0; i < kLevels.size(); ++i) {
      auto filter = source_.filter(kLevels[i]);
      if (!filter) return std::move(filter).error();
      if ((*filter)->level() != kLevels[i]) return fail((*filter)->note());
      bits_[i].resize(kCycleBytes);
      TRY((*filter)->keep(first_pfn, bits_[i]));
    }
    return {};
  }
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
  std::array<std::vector<std::uint8_t>, 4> bits_;
};

class Comparison {
 public:
  Comparison(VmcoreSource& source, KernelPageFlags& kernel)
      : source_(source), kernel_(kernel), judged_(source) {}

  /// A page that differs may have changed its owner between the two looks: only one that differs
  /// each time counts.
  Status compare(std::uint64_t first_pfn) {
    present_.assign(kCycleBytes, 0);
    set_present(source_.crashed(), first_pfn, present_);
    TRY(look(first_pfn));
    count_classes();
    for (int again = 0; again < kMostLooks && any_differ(); ++again) {
      const std::vector<std::uint8_t> before = differ_;
      TRY(look(first_pfn));
      for (std::size_t i = 0; i < differ_.size(); ++i)
        differ_[i] = static_cast<std::uint8_t>(differ_[i] & before[i]);
    }
    count_differences();
    return {};
  }
  [[nodiscard]] const AgreementReport& report() const { return report_; }

 private:
  static constexpr int kMostLooks = 4;

  Status look(std::uint64_t first_pfn) {
    TRY(judged_.judge(first_pfn));
    truth_.assign(kCyclePages, PageClass::kNone);
    differ_.assign(kCycleBytes, 0);
    std::uint64_t head = 0;
    for (std::uint64_t done = 0; done < kCyclePages;) {
      const std::size_t got = kernel_.read(first_pfn + done, flags_);
      if (got == 0) break;
      const std::uint64_t end = std::min<std::uint64_t>(kCyclePages, done + got);
      for (std::uint64_t i = done; i < end; ++i) {
        const std::uint64_t flags = flags_[i - done];
        if ((flags & kTail) == 0) head = flags;
        if ((present_[i / 8] >> (i % 8) & 1) == 0 || (flags & kNoPage) != 0) continue;
        truth_[i] = class_by_kernel(flags, head);
        if (judged_.class_of(i) != truth_[i])
          differ_[i / 8] = static_cast<std::uint8_t>(differ_[i / 8] | 1U << (i % 8));
      }
      done = end;
    }
    return {};
  }

  [[nodiscard]] bool any_differ() const { return count_bits(differ_) > 0; }

  void count_classes() {
    for (const PageClass c : truth_) {
      if (c != PageClass::kNone) ++of(c).pages;
    }
  }
  void count_differences() {
    for (std::uint64_t i = 0; i < kCyclePages; ++i) {
      if ((differ_[i / 8] >> (i % 8) & 1) == 0 || truth_[i] == PageClass::kNone) continue;
      ++of(truth_[i]).differ;
      if (truth_[i] == PageClass::kKernel) ++report_.own_left_out;
    }
  }
  AgreementReport::Class& of(PageClass c) { return report_.classes[static_cast<std::size_t>(c)]; }

  VmcoreSource& source_;
  KernelPageFlags& kernel_;
  Judged judged_;
  AgreementReport report_;
  std::vector<std::uint8_t> present_, differ_;
  std::vector<PageClass> truth_;
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
