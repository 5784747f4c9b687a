#include "init/dump/format/flat_output.h"

#include "init/dump/core/crashed_bytes.h"

namespace mkcapture::dump {
namespace {

constexpr std::size_t kHeaderBytes = 4096;
constexpr std::size_t kSignatureBytes = 16;
constexpr std::uint64_t kType = 1;
constexpr std::uint64_t kVersion = 1;
constexpr std::uint64_t kEnd = ~std::uint64_t{0};

class FlatOutput final : public Output {
 public:
  explicit FlatOutput(Output& stream) : stream_(stream) {}

  [[nodiscard]] bool seekable() const noexcept override { return true; }

  Status write_at(std::uint64_t offset, std::span<const std::byte> data) override {
    if (data.empty()) return {};
    TRY(begin());
    TRY(record(offset, data.size()));
    return send(data);
  }

  Status finish(std::uint64_t size) override {
    (void)size;  // a hole at the end reads as zeros anyway
    TRY(begin());
    TRY(record(kEnd, kEnd));
    return stream_.finish(position_);
  }

 private:
  Status begin() {
    if (position_ > 0) return {};
    CrashedBytes header(64, true);
    header.text("makedumpfile", kSignatureBytes);
    header.u64(kType);
    header.u64(kVersion);
    header.zeros_up_to(kHeaderBytes);
    return send(header.data());
  }

  Status record(std::uint64_t offset, std::uint64_t size) {
    CrashedBytes header(64, true);
    header.u64(offset);
    header.u64(size);
    return send(header.data());
  }

  Status send(std::span<const std::byte> data) {
    if (broken_) return fail("the stream ended inside of a record");
    auto status = stream_.write_at(position_, data);
    position_ += data.size();
    broken_ = !status;
    return status;
  }

  Output& stream_;
  std::uint64_t position_ = 0;
  // After a failed write nobody knows how much of it went out: whatever followed, an end record
  // most of all, would be taken for data of the record that was begun.
  bool broken_ = false;
};

}  // namespace

std::unique_ptr<Output> flat_output(Output& stream) {
  return std::make_unique<FlatOutput>(stream);
}

}  // namespace mkcapture::dump
