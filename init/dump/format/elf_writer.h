// The dump as an ELF core, in the crashed machine's class and byte order: its PT_NOTE as it is, and
// PT_LOADs with the addresses of the vmcore's, so that gdb and crash open it.
//
// Zero pages are holes of the file. Long runs of pages that the filter leaves out are between
// PT_LOADs: readers tell them from zeros. Short runs are written, though nobody asked for them: a
// hole would be read as zeros, as if that were the memory's content. An ELF core has at most
// kMaxElfSegments PT_LOADs, and the length from which on a run counts as long follows from it. Only
// pages that must not be read (poisoned, offline) are holes. Offsets are in the file as the
// addresses are in their pages. On a stream holes are sent as zeros.
//
// Until the dump is whole its e_flags say that it is not (crash's DUMP_ELF_INCOMPLETE), where the
// output can go back.
#pragma once

#include "init/base/result.h"
#include "init/dump/pages.h"
#include "init/dump/select/kept_pages.h"

namespace mkcapture::dump {

inline constexpr std::size_t kMaxElfSegments =
    8192;  // e_phnum has 16 bits, gdb reads them one by one

/// An error of kind kUnavailable, before anything is written: an ELF core cannot hold the machine.
[[nodiscard]] Result<DumpReport> write_elf(VmcoreSource& source, KeptPages& pages, Output& output,
                                           const DumpOptions& options, DumpProgress& progress);

}  // namespace mkcapture::dump
