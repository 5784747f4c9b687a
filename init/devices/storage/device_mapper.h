// Device-mapper devices by ioctls on /dev/mapper/control (linux/dm-ioctl.h; lvm2:
// libdm/misc/dm-ioctl.h).
#pragma once

#include <string>
#include <vector>

#include "init/contract/lvm_stack.h"
#include "init/system/system.h"

namespace mkcapture::init {

/// Makes a device with this table, or finds the one that has `uuid` already (an earlier worker's).
/// The name that it has in /sys/class/block, "dm-0".
[[nodiscard]] Result<std::string> create_mapping(System& system, const std::string& name,
                                                 const std::string& uuid,
                                                 const std::vector<DmTarget>& table);

void remove_mapping(System& system, const std::string& name);

/// What the first target of a mapping says of itself (DM_TABLE_STATUS).
[[nodiscard]] Result<std::string> mapping_status(System& system, const std::string& name);

/// A message to it: dm-raid's "frozen".
Status send_to_mapping(System& system, const std::string& name, const std::string& message);

/// The device that has this UUID; empty where none has.
[[nodiscard]] std::string find_mapping(System& system, const std::string& uuid);

}  // namespace mkcapture::init
