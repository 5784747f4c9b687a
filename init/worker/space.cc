#include "init/worker/space.h"

#include <algorithm>
#include <cerrno>

#include "init/base/units.h"

namespace mkcapture::init {
namespace {

constexpr std::uint64_t kMostReserve = std::uint64_t{2} << 30;
constexpr std::uint64_t kMargin = 16;  // one in so many bytes of a forecast

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

std::optional<int> level_that_fits(System& system, dump::Vmcore& vmcore, const Forecast& forecast,
                                   const DumpChoice& choice, int smallest, std::uint64_t budget) {
  if (vmcore.size() <= budget) return choice.level;
  DumpChoice tried = choice;
  for (;; tried.level = smallest) {
    const auto report = forecast(vmcore, tried);
    if (!report) return choice.level;  // it cannot be told, so it is tried
    const bool last = tried.level == smallest;
    // Nothing is lost where a dump is tried in place of none, and the sample may be a little off.
    const std::uint64_t size = report->bytes_forecast;
    const bool fits = size - (last ? size / kMargin : 0) <= budget;
    system.log("level " + std::to_string(tried.level) + " keeps " +
               format_size(report->bytes_kept) + ", about " + format_size(size) +
               " on the target, and " + format_size(budget) + " may be written" +
               (fits   ? ""
                : last ? ": it will not fit"
                       : ": it will not fit, so level " + std::to_string(smallest)));
    if (fits) return tried.level;
    if (last) return std::nullopt;
  }
}

std::unique_ptr<Output> limited_output(std::unique_ptr<Output> inner, std::uint64_t budget) {
  return std::make_unique<LimitedOutput>(std::move(inner), budget);
}

}  // namespace mkcapture::init
