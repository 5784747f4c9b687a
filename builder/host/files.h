// Files of this machine, read whole.
#pragma once

#include <cstddef>
#include <string>

#include "builder/base/usage.h"

namespace mkcapture {

/// The bytes of a file, /proc and /sys too; an error names the file. More than `limit` bytes:
/// EFBIG.
[[nodiscard]] Result<std::string> read_whole_file(const std::string& path, std::size_t limit);
[[nodiscard]] bool is_directory(const std::string& path);
[[nodiscard]] bool is_regular_file(const std::string& path);

}  // namespace mkcapture
