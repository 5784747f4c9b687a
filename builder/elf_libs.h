// The shared libraries that a dynamic program takes along into the image.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"

namespace mkcapture {

/// What an ELF program or library asks its loader for.
struct DynamicInfo {
  std::string interpreter;           // PT_INTERP, empty for a library
  std::vector<std::string> needed;   // DT_NEEDED
  std::vector<std::string> runpath;  // DT_RUNPATH, else DT_RPATH, split at ':', $ORIGIN kept
};
/// Of a whole file. Not an ELF file, or one that is static: nothing in it. Broken tables are an
/// error. Input is untrusted; any class and byte order.
[[nodiscard]] capture::Result<DynamicInfo> read_dynamic(std::string_view file);

/// A file of the closure: `source` on this machine, `destination` the absolute path that the loader
/// will look for.
struct LibraryFile {
  std::string source;
  std::string destination;
};

/// Every library that `program` (a path on this machine) needs, the interpreter first, each once.
/// Looked up below `root`: runpath, then ld.so.conf with its includes, then the default folders,
/// lib/TRIPLET and usr/lib/TRIPLET of Debian among them; only libraries of the program's own
/// machine type count. A library that is not found is an error that names who needs it.
[[nodiscard]] capture::Result<std::vector<LibraryFile>> library_closure(const std::string& program,
                                                                        const std::string& root);

}  // namespace mkcapture
