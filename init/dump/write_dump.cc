// write_dump(): from options to the writer of a format.
#include <sched.h>

#include <algorithm>

#include "init/dump/dump.h"
#include "init/dump/format/elf_writer.h"
#include "init/dump/format/flat_output.h"
#include "init/dump/format/kdump_writer.h"
#include "init/dump/pages.h"
#include "init/dump/select/kept_pages.h"

namespace mkcapture::dump {
namespace {

constexpr int kMostThreads = 64;  // beyond it memory's speed is the limit, not compression

int compressors(int threads) {
  if (threads == 0) {
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    threads = sched_getaffinity(0, sizeof(cpus), &cpus) == 0 ? CPU_COUNT(&cpus) : 1;
  }
  return std::clamp(threads, 1, kMostThreads);
}

Result<DumpReport> write_as(VmcoreSource& source, KeptPages& pages, Output& output,
                            const DumpOptions& options, DumpProgress& progress) {
  if (options.format == DumpFormat::kElf) {
    if (options.codec != DumpCodec::kNone) return fail("the elf format has no compression");
    return write_elf(source, pages, output, options, progress);
  }
  KdumpWriteOptions how{.threads = compressors(options.threads), .write_once = false};
  const bool random_access = options.format == DumpFormat::kKdump && output.seekable();
  how.write_once = !random_access;
  auto report = random_access
                    ? write_kdump(source, pages, output, options, how, progress)
                    : write_kdump(source, pages, *flat_output(output), options, how, progress);
  if (report) report->threads = how.threads;
  return report;
}

/// pages.h: the only kind of Vmcore there is.
VmcoreSource& source_of(Vmcore& vmcore) {
  return static_cast<VmcoreSource&>(vmcore);
}

}  // namespace

Result<LevelReport> check_level(Vmcore& vmcore, int level) {
  VmcoreSource& source = source_of(vmcore);
  auto pages = KeptPages::create(source, level, Descriptors::kAll);
  if (!pages) return std::move(pages).error().within("page filter");
  std::uint64_t kept = 0;
  TRY(pages->for_each_cycle([&](std::uint64_t, std::span<std::uint8_t> bits) {
    kept += count_bits(bits);
    return Status();
  }));
  const std::uint64_t page_size = source.crashed().page_size;
  return LevelReport{.level_reached = pages->level_reached(),
                     .note = pages->note(),
                     .bytes_total = pages->pages_present() * page_size,
                     .bytes_kept = kept * page_size};
}

Result<DumpReport> write_dump(Vmcore& vmcore, Output& output, const DumpOptions& options,
                              DumpProgress& progress) {
  if (options.level < 0 || options.level > 31) return fail("dump level: must be 0 to 31");
  VmcoreSource& source = source_of(vmcore);
  auto pages = KeptPages::create(
      source, options.level,
      options.leave_out_descriptors ? Descriptors::kOfKeptPages : Descriptors::kAll);
  if (!pages) return std::move(pages).error().within("page filter");

  auto report = write_as(source, *pages, output, options, progress);
  if (!report) return report;
  report->pages_total += source.crashed().pages_missing;
  report->pages_unreadable += source.crashed().pages_missing;
  report->level_reached = pages->level_reached();
  report->note = pages->note();
  return report;
}

}  // namespace mkcapture::dump
