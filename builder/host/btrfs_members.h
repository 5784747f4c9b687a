// The devices of a btrfs on several of them.
#pragma once

#include <string>
#include <vector>

#include "builder/host/host.h"

namespace mkcapture {

/// The devices of the btrfs `uuid`, by /sys/fs/btrfs/UUID/devices where it is mounted, else by
/// probing; those that are missing are not among them.
[[nodiscard]] std::vector<DeviceNumber> btrfs_members(Host& host, const std::string& uuid);

}  // namespace mkcapture
