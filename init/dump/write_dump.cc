// write_dump(): from options to the writer of a format.
#include <sched.h>
#include <sys/sysinfo.h>

#include <algorithm>

#include "init/dump/dump.h"
#include "init/dump/format/elf_writer.h"
#include "init/dump/format/flat_output.h"
#include "init/dump/format/kdump_writer.h"
#include "init/dump/format/size_sample.h"
#include "init/dump/pages.h"
#include "init/dump/select/kept_pages.h"

namespace mkcapture::dump {
namespace {

constexpr int kMostThreads = 64;  // beyond it memory's speed is the limit, not compression
// Of those that nobody has counted: 0.7 MB each where nothing can be compressed, so that all of
// them together stay within 12 MB.
constexpr int kMostUncountedThreads = 12;
constexpr std::uint64_t kThreadBytes = 1 << 20;

/// Memory that a capture kernel of a few megabytes can spare, so that no thread is one too many.
std::uint64_t spare_bytes() {
  struct sysinfo info{};
  if (sysinfo(&info) != 0) return 0;
  return std::uint64_t{info.freeram} * info.mem_unit / 2;
}

int compressors(int threads) {
  if (threads == 0) {
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    threads = sched_getaffinity(0, sizeof(cpus), &cpus) == 0 ? CPU_COUNT(&cpus) : 1;
    threads = std::min({threads, kMostUncountedThreads,
                        static_cast<int>(std::min<std::uint64_t>(spare_bytes() / kThreadBytes,
                                                                 kMostUncountedThreads))});
  }
  return std::clamp(threads, 1, kMostThreads);
}

void add_to_note(DumpReport& report, const std::string& more) {
  if (!report.note.empty() && !more.empty()) report.note += "; ";
  report.note += more;
}

Result<DumpReport> write_as(VmcoreSource& source, KeptPages& pages, Output& output,
                            const DumpOptions& options, DumpProgress& progress) {
  std::string no_elf;
  if (options.choice.format == DumpFormat::kElf) {
    auto report = write_elf(source, pages, output, options, progress);
    if (report || report.error().kind != ErrorKind::kUnavailable) return report;
    no_elf = "kdump in place of elf: " + report.error().message;
  }
  KdumpWriteOptions how{.threads = compressors(options.threads), .write_once = false};
  const bool random_access = options.choice.format != DumpFormat::kFlat && output.seekable();
  how.write_once = !random_access;
  auto report = random_access
                    ? write_kdump(source, pages, output, options, how, progress)
                    : write_kdump(source, pages, *flat_output(output), options, how, progress);
  if (report) {
    report->threads = how.threads;
    report->note = no_elf;
  }
  return report;
}

/// For those who only want to know the level.
class NobodyWaits final : public DumpProgress {
  void update(std::uint64_t, std::uint64_t, std::uint64_t) override {}
};

/// With a sample the size is forecast as well.
Result<LevelReport> judge(VmcoreSource& source, int level, SizeSample* sample) {
  NobodyWaits nobody;
  auto pages = KeptPages::create(source, level, Descriptors::kAll, nobody);
  if (!pages) return std::move(pages).error().within("page filter");
  std::uint64_t kept = 0;
  TRY(pages->first_pass(
      [&] {
        kept = 0;
        if (sample != nullptr) sample->begin();
      },
      [&](std::uint64_t first_pfn, std::span<std::uint8_t> bits) -> Status {
        const std::uint64_t of_cycle = count_bits(bits);
        kept += of_cycle;
        return sample != nullptr ? sample->look_at(first_pfn, bits, of_cycle) : Status();
      }));
  const std::uint64_t page_size = source.crashed().page_size;
  return LevelReport{.level_reached = pages->level_reached(),
                     .note = pages->note(),
                     .bytes_total = pages->pages_present() * page_size,
                     .bytes_kept = kept * page_size,
                     .bytes_forecast = sample != nullptr ? sample->bytes(kept) : 0};
}

}  // namespace

Result<LevelReport> check_level(VmcoreSource& source, int level) {
  return judge(source, level, nullptr);
}

Result<LevelReport> forecast(VmcoreSource& source, const DumpChoice& choice) {
  TRY_ASSIGN(sample, SizeSample::create(source, choice));
  return judge(source, choice.level, sample.get());
}

Result<DumpReport> write_dump(VmcoreSource& source, Output& output, const DumpOptions& options,
                              DumpProgress& progress) {
  const DumpChoice& choice = options.choice;
  if (choice.level < 0 || choice.level > kMaxDumpLevel) return fail("dump level: must be 0 to 31");
  if (choice.format == DumpFormat::kElf && choice.codec != DumpCodec::kNone)
    return fail("the elf format has no compression");
  auto pages = KeptPages::create(
      source, choice.level,
      options.leave_out_descriptors ? Descriptors::kOfKeptPages : Descriptors::kAll, progress);
  if (!pages) return std::move(pages).error().within("page filter");

  auto report = write_as(source, *pages, output, options, progress);
  if (!report) return report;
  report->pages_total += source.crashed().pages_missing;
  report->pages_unreadable += source.crashed().pages_missing;
  report->level_reached = pages->level_reached();
  add_to_note(*report, pages->note());
  if (const std::uint64_t n = source.crashed().loads_impossible; n > 0)
    add_to_note(*report, std::to_string(n) + " impossible program headers passed over");
  return report;
}

}  // namespace mkcapture::dump
