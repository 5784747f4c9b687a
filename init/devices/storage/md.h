// md arrays, assembled by ioctls (linux/raid/md_u.h; md(4)). The kernel reads the superblocks
// itself; what is decided here is which members to give it, and when.
#pragma once

#include <memory>

#include "init/devices/storage/layer.h"

namespace mkcapture::init {

/// An array is started once every member is there that it had when it was last written to; `late`,
/// with those that are enough. It starts without a write to it (start_ro), and no resync begins
/// before freeze_arrays().
[[nodiscard]] std::unique_ptr<Layer> md_layer(LayerParts parts);

/// Keeps the arrays below the block device `name` from resyncing, before it is mounted: the dump
/// has the disks for itself, and the next system takes the resync up again.
void freeze_arrays(System& system, const std::string& name);

}  // namespace mkcapture::init
