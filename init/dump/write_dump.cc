// write_dump(): from options to the writer of a format.
#include "dump/dump.h"
#include "dump/elf_writer.h"
#include "dump/kept_pages.h"
#include "dump/pages.h"

namespace capture {

Result<DumpReport> write_dump(Vmcore& vmcore, Output& output, const DumpOptions& options,
                              DumpProgress& progress) {
  if (options.level < 0 || options.level > 31) return fail("dump level: must be 0 to 31");
  if (options.format != DumpFormat::kElf) return fail("dump format: only elf so far");
  auto& source = static_cast<VmcoreSource&>(vmcore);  // pages.h: the only kind of Vmcore there is
  auto pages = KeptPages::create(source, options.level);
  if (!pages) return std::move(pages).error().within("page filter");

  auto report = write_elf(source, *pages, output, options, progress);
  if (!report) return report;
  report->level_reached = pages->level_reached();
  report->note = pages->note();
  return report;
}

}  // namespace capture
