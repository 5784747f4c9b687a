// The kernel's own file systems, which everything after them needs.
#pragma once

#include <span>

#include "init/base/result.h"
#include "init/system/system.h"

namespace mkcapture::init {

struct EarlyMount {
  const char* source;
  const char* target;
  const char* type;
  unsigned long flags;  // MS_*
  const char* data;
};
[[nodiscard]] std::span<const EarlyMount> early_mounts();

/// Mounts the table and makes the folders that /init writes to. What is mounted already (EBUSY) is
/// fine; anything else ends in an error that names the mount, since no dump is possible without it.
Status mount_early(System& system);

}  // namespace mkcapture::init
