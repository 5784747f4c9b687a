// A kernel's module tree made from a list of modules, with depmod's indexes (the kmod package's
// depmod runs, since libkmod reads its binary form).
#pragma once

#include <string>
#include <vector>

#include "tests/fakes/temp_dir.h"

namespace mkcapture::fakes {

struct FakeModule {
  std::string path;                  // below kernel/: "fs/ext4/ext4.ko"
  std::vector<std::string> modinfo;  // "depends=jbd2,mbcache", "softdep=pre: crc32c", "alias=..."
};

/// Writes lib/modules/RELEASE below `root`: the modules, modules.builtin, and runs depmod. Symbols
/// are made so that depmod sees the same dependencies as the depends= fields. A test's failure
/// where depmod is missing or complains.
void write_kernel_tree(const TempDir& root, const std::string& release,
                       const std::vector<FakeModule>& modules,
                       const std::vector<std::string>& builtin);

}  // namespace mkcapture::fakes
