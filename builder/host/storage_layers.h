// The layers that /init brings up, as this machine has them now: from the folder of a device-mapper
// or md device in /sys to the layer's name, what it stands on, and why it would not work.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "builder/host/host.h"
#include "init/contract/storage.h"

namespace mkcapture {

struct FoundLayer {
  StorageLayer layer;
  std::string words;                 // "LVM volume vg0/var", "md raid1 of 2 members"
  std::vector<std::string> modules;  // that make it: "raid1", "dm_raid"
  std::vector<std::string> below;    // folders in /sys of the devices that it stands on
  std::vector<std::string> beside;   // likewise, of PVs that its group has and it does not use
  std::string unsupported;           // "an LVM volume (vg0/var is of type thin, ...)"
};

/// `folder`: of a device whose dm/uuid begins with "LVM-".
[[nodiscard]] FoundLayer lvm_volume(Host& host, const std::string& folder);
/// `folder`: of a device with a folder "md".
[[nodiscard]] FoundLayer md_array(Host& host, const std::string& folder);

/// `controller`: the folder of an NVMe controller whose transport is tcp.
[[nodiscard]] FoundLayer nvme_tcp_disk(Host& host, const std::string& controller);

}  // namespace mkcapture
