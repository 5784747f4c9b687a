// The kernel's own folders as Directory.
#pragma once

#include "init/system/directory.h"

namespace mkcapture::init {

[[nodiscard]] Result<std::unique_ptr<Directory>> open_linux_directory(const std::string& path);

}  // namespace mkcapture::init
