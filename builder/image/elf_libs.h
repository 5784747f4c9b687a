// The shared libraries that a dynamic program takes along into the image.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "builder/base/usage.h"
#include "builder/host/host.h"

namespace mkcapture {

/// What an ELF program or library asks its loader for. Format: elf(5), the gABI's dynamic section.
struct DynamicInfo {
  std::string interpreter;           // PT_INTERP; empty for a library or a static program
  std::vector<std::string> needed;   // DT_NEEDED
  std::vector<std::string> runpath;  // DT_RUNPATH, else DT_RPATH, split at ':', $ORIGIN kept
};
/// Of a whole file. What is not an ELF file, or static, asks for nothing. Broken tables are an
/// error. Input is untrusted; any class and byte order.
[[nodiscard]] Result<DynamicInfo> read_dynamic(std::string_view file);

struct LibraryFile {
  std::string source;       // on this machine
  std::string destination;  // absolute path in the image, where the loader will look
};

/// Every library that `program` (a path on this machine, to be `destination` in the image) needs,
/// the loader among them, each once, sorted by destination. Looked up below `root` in the loader's
/// order (ld.so(8)): run path, folders of /etc/ld.so.conf, default folders, Debian's lib/TRIPLET
/// among them; only files of the program's own machine and class count. Since the image has no
/// ld.so.cache, a library from a folder of ld.so.conf goes to where the C library is. One that is
/// not found is an error that names who needs it. Libraries opened at run time (NSS, plugins) are
/// beyond what a file says.
[[nodiscard]] Result<std::vector<LibraryFile>> library_closure(Host& host,
                                                               const std::string& program,
                                                               const std::string& destination,
                                                               const std::string& root);

}  // namespace mkcapture
