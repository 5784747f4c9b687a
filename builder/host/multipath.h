// Multipath devices of a storage network: dm-multipath's map over the paths to one disk, and
// kpartx's partitions of it. The capture image needs no map: it finds the file system on any path
// that answers, and tries the next one where that fails (init/devices/disk_paths.h).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "builder/host/host.h"

namespace mkcapture {

/// The folders of the devices below the device-mapper device `folder` (of
/// /sys/devices/virtual/block) where it is a multipath map ("mpath-..." in dm/uuid), or the map
/// below where it is a partition of one ("part1-mpath-..."). Nothing where it is neither.
[[nodiscard]] std::optional<std::vector<std::string>> multipath_paths(Host& host,
                                                                      const std::string& folder);

}  // namespace mkcapture
