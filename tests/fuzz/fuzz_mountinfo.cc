// mountinfo: no line breaks the parser, and a path within a file system is always absolute.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "builder/host/mountinfo.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto mounts = mkcapture::parse_mountinfo({reinterpret_cast<const char*>(data), size});
  for (const char* path : {"/", "/var/crash", "/mnt/x"}) {
    const auto* mount = mkcapture::mount_of(mounts, path);
    if (mount == nullptr) continue;
    const std::string inner = mkcapture::path_in_filesystem(*mount, path);
    if (inner.empty() || (mount->root.starts_with('/') && !inner.starts_with('/'))) std::abort();
  }
  return 0;
}
