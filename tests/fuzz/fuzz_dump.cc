// A whole dump of a hostile vmcore, in every format: byte 0 the level, byte 1 the format and the
// descriptors, then the file.
#include <cstdint>

#include "init/dump/vmcore.h"
#include "tests/fuzz/crashed_memory.h"

using namespace mkcapture;
using namespace mkcapture::dump;

namespace {

class NoProgress final : public mkcapture::dump::DumpProgress {
 public:
  void update(std::uint64_t, std::uint64_t, std::uint64_t) override {}
};

/// Takes everything anywhere, up to a limit, as a disk does.
class Disk final : public mkcapture::Output {
 public:
  [[nodiscard]] bool seekable() const noexcept override { return true; }
  mkcapture::Status write_at(std::uint64_t offset, std::span<const std::byte> data) override {
    if (finished) std::abort();
    if (offset > offset + data.size()) std::abort();
    written += data.size();
    return written > (64 << 20) ? mkcapture::sys_error("write", ENOSPC) : mkcapture::Status();
  }
  mkcapture::Status finish(std::uint64_t) override {
    finished = true;
    return {};
  }

  std::uint64_t written = 0;
  bool finished = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const Bytes bytes(reinterpret_cast<const std::byte*>(data), size);
  auto vmcore = make_vmcore(std::make_unique<fuzz::BytesFile>(bytes.subspan(2)));
  if (!vmcore) return 0;
  constexpr DumpFormat kFormats[] = {DumpFormat::kKdump, DumpFormat::kElf, DumpFormat::kFlat};
  DumpOptions options{.choice = {.level = data[0] & 31,
                                 .format = kFormats[data[1] % 3],
                                 .codec = DumpCodec::kNone}};
  options.leave_out_descriptors = (data[1] & 0x80) != 0;
  Disk disk;
  NoProgress progress;
  const auto report = write_dump(**vmcore, disk, options, progress);
  if (!report) return report.error().message.empty() ? (std::abort(), 0) : 0;
  if (report->pages_saved + report->pages_unreadable > report->pages_total) std::abort();
  if (report->level_reached != (report->level_reached & options.choice.level)) std::abort();
  return 0;
}
