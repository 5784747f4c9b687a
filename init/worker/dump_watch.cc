#include "init/worker/dump_watch.h"

#include <cerrno>
#include <cstdio>

namespace mkcapture::init {
namespace {

constexpr Milliseconds kInterval{4'000};  // updates come a few times a second: never 5 s apart

class WatchedOutput final : public Output {
 public:
  WatchedOutput(std::unique_ptr<Output> inner, StepReporter& steps, const Deadline& deadline)
      : inner_(std::move(inner)), steps_(steps), deadline_(deadline) {}

  [[nodiscard]] bool seekable() const noexcept override { return inner_->seekable(); }

  Status write_at(std::uint64_t offset, std::span<const std::byte> data) override {
    if (!refused_ && deadline_.passed()) {
      refused_ = true;
      return Error{ETIMEDOUT, "the deadline of the capture has come"};
    }
    auto written = inner_->write_at(offset, data);
    if (written) steps_.progress();
    return written;
  }

  Status reserve(std::uint64_t offset, std::uint64_t size) override {
    auto reserved = inner_->reserve(offset, size);
    steps_.progress();
    return reserved;
  }

  Status sync() override {
    steps_.progress();
    auto synced = inner_->sync();
    steps_.progress();
    return synced;
  }

  Status finish(std::uint64_t size) override {
    steps_.progress();
    auto finished = inner_->finish(size);
    steps_.progress();
    return finished;
  }

  [[nodiscard]] std::string note() const override { return inner_->note(); }

 private:
  std::unique_ptr<Output> inner_;
  StepReporter& steps_;
  Deadline deadline_;
  bool refused_ = false;
};

}  // namespace

ProgressLines::ProgressLines(System& system, StepReporter& steps)
    : system_(system), steps_(steps), started_(system.now()), said_(started_) {}

void ProgressLines::update(std::uint64_t pages_done, std::uint64_t pages_total,
                           std::uint64_t bytes_written) {
  steps_.progress();
  if (pages_done > 0) dumping_ = true;
  const Milliseconds now = system_.now();
  if (now - said_ < kInterval || pages_total == 0) return;
  said_ = now;

  const double elapsed = static_cast<double>((now - started_).count()) / 1000;
  const double done = static_cast<double>(pages_done) / static_cast<double>(pages_total);
  char numbers[64];
  std::snprintf(numbers, sizeof numbers, "dump %.0f%%: ", done * 100);
  std::string line = numbers + format_size(bytes_written);
  std::snprintf(numbers, sizeof numbers, " in %.0fs, ", elapsed);
  line += numbers +
          format_size(static_cast<std::uint64_t>(static_cast<double>(bytes_written) / elapsed)) +
          "/s";
  if (done > 0) {
    std::snprintf(numbers, sizeof numbers, ", %.0fs left", elapsed / done - elapsed);
    line += numbers;
  }
  system_.log(line);
}

void ProgressLines::looked_at(std::uint64_t cycles_done, std::uint64_t cycles_total) {
  steps_.progress();
  const Milliseconds now = system_.now();
  if (dumping_ || now - said_ < kInterval || cycles_total == 0) return;
  said_ = now;
  system_.log("page descriptors " + std::to_string(cycles_done * 100 / cycles_total) + "%");
}

std::unique_ptr<Output> watched_output(std::unique_ptr<Output> inner, StepReporter& steps,
                                       const Deadline& deadline) {
  return std::make_unique<WatchedOutput>(std::move(inner), steps, deadline);
}

}  // namespace mkcapture::init
