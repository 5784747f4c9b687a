// The dump in the kdump-compressed format (kdump_format.h).
//
// Two passes over the page filter: the first writes the bitmaps and counts, so that the
// descriptors' room is known; the second writes descriptors and pages side by side: first what a
// debugger cannot do without, so that a dump which ends early opens, then all other pages,
// ascending (on a stream, which nobody opens before it is whole, only these). A page of zeros
// (level bit 1) keeps its bit, and all of them share one page in the file, as makedumpfile does it.
// So does a page that cannot be read, and its descriptor leads behind every file's end.
// Until the dump is whole its header says that it is incomplete.
#pragma once

#include "init/base/result.h"
#include "init/dump/pages.h"
#include "init/dump/select/kept_pages.h"

namespace mkcapture::dump {

struct KdumpWriteOptions {
  int threads = 1;          // compressors, at least 1; one works in the caller's thread
  bool write_once = false;  // `output` takes each byte only once, in any order (flat_output.h)
};

[[nodiscard]] Result<DumpReport> write_kdump(VmcoreSource& source, KeptPages& pages, Output& output,
                                             const DumpOptions& options,
                                             const KdumpWriteOptions& how, DumpProgress& progress);

}  // namespace mkcapture::dump
