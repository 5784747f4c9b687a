// A vmcore from any source of bytes; open_vmcore() of dump.h is this with a file.
#pragma once

#include <memory>

#include "common/result.h"
#include "dump/core_file.h"
#include "dump/pages.h"

namespace capture {

[[nodiscard]] Result<std::unique_ptr<VmcoreSource>> make_vmcore(std::unique_ptr<CoreFile> file);

}  // namespace capture
