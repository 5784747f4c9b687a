// A vmcore from any source of bytes; open_vmcore() of dump.h is this with a file.
#pragma once

#include <memory>

#include "init/base/result.h"
#include "init/dump/core/core_file.h"
#include "init/dump/pages.h"

namespace mkcapture::dump {

[[nodiscard]] Result<std::unique_ptr<VmcoreSource>> make_vmcore(std::unique_ptr<CoreFile> file);

}  // namespace mkcapture::dump
