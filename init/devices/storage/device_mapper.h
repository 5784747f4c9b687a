// Device-mapper devices by ioctls on /dev/mapper/control (linux/dm-ioctl.h; lvm2:
// libdm/misc/dm-ioctl.h).
#pragma once

#include <string>
#include <vector>

#include "init/contract/lvm_metadata.h"
#include "init/system/system.h"

namespace mkcapture::init {

/// Makes a device with this table, or finds the one that has `uuid` already (an earlier worker's).
/// The name that it has in /sys/class/block, "dm-0".
[[nodiscard]] Result<std::string> create_mapping(System& system, const std::string& name,
                                                 const std::string& uuid,
                                                 const std::vector<DmTarget>& table);

/// The device that has this UUID; empty where none has.
[[nodiscard]] std::string find_mapping(System& system, const std::string& uuid);

}  // namespace mkcapture::init
