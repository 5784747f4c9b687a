#include "init/worker/space.h"

#include <algorithm>
#include <cerrno>

#include "init/base/units.h"

namespace mkcapture::init {
namespace {

constexpr std::uint64_t kMostReserve = std::uint64_t{2} << 30;
constexpr int kSmallestLevel = 31;
constexpr int kZeroPages = 1;  // the bit of a level that leaves them out
constexpr std::uint64_t kBestRatio = 8;

class LimitedOutput final : public Output {
 public:
  LimitedOutput(std::unique_ptr<Output> inner, std::uint64_t budget)
      : inner_(std::move(inner)), left_(budget) {}

  [[nodiscard]] bool seekable() const noexcept override { return inner_->seekable(); }
  Status write_at(std::uint64_t offset, std::span<const std::byte> data) override {
    if (!refused_ && data.size() > left_) {
      refused_ = true;
      return sys_error("write", ENOSPC);
    }
    left_ -= std::min<std::uint64_t>(left_, data.size());
    return inner_->write_at(offset, data);
  }
  Status reserve(std::uint64_t offset, std::uint64_t size) override {
    return inner_->reserve(offset, size);
  }
  Status finish(std::uint64_t size) override { return inner_->finish(size); }
  [[nodiscard]] std::string note() const override { return inner_->note(); }

 private:
  std::unique_ptr<Output> inner_;
  std::uint64_t left_;
  bool refused_ = false;
};

}  // namespace

std::uint64_t default_reserve(std::uint64_t total) {
  return std::min(total / 20, kMostReserve);
}

std::uint64_t budget_of(const Space& space, std::optional<std::uint64_t> reserve) {
  const std::uint64_t stays = reserve.value_or(default_reserve(space.total));
  return space.free > stays ? space.free - stays : 0;
}

std::uint64_t least_bytes(std::uint64_t kept, int level, DumpCodec codec) {
  const bool exact = codec == DumpCodec::kNone && (level & kZeroPages) == 0;
  return exact ? kept : kept / kBestRatio;
}

std::optional<int> level_that_fits(System& system, dump::Vmcore& vmcore, const LevelCheck& check,
                                   const DumpChoice& choice, std::uint64_t budget) {
  if (vmcore.size() <= budget) return choice.level;
  for (const int level : {choice.level, kSmallestLevel}) {
    const auto report = check(vmcore, level);
    if (!report) return choice.level;  // it cannot be told, so it is tried
    const std::uint64_t least = least_bytes(report->bytes_kept, level, choice.codec);
    const bool fits = least <= budget;
    system.log("level " + std::to_string(level) + " keeps " + format_size(report->bytes_kept) +
               ", at least " + format_size(least) + " on the target, and " + format_size(budget) +
               " may be written" + (fits ? "" : ": it will not fit"));
    if (fits) return level;
    if (level == kSmallestLevel) break;
  }
  return std::nullopt;
}

std::unique_ptr<Output> limited_output(std::unique_ptr<Output> inner, std::uint64_t budget) {
  return std::make_unique<LimitedOutput>(std::move(inner), budget);
}

}  // namespace mkcapture::init
