// Paths of a storage network: several disks of this kernel that are one disk outside. The SCSI
// layer reads the worldwide name that tells (scsi_sysfs.c, wwid), and the device handlers
// (scsi_dh_alua, scsi_dh_rdac) whether a path takes I/O (access_state).
#pragma once

#include <string>

#include "init/system/system.h"

namespace mkcapture::init {

/// The worldwide name of the disk `name` (as in /sys/class/block), for a partition that of its disk
/// and its number behind it: two devices with the same one are two paths to the same blocks. Empty
/// where there is none that is sure to be unique (a vendor's own text may not be).
[[nodiscard]] std::string worldwide_name(System& system, const std::string& name);

/// Whether the array says that this path takes no I/O now: "standby", "unavailable", "offline" or
/// "transitioning".
[[nodiscard]] bool is_passive_path(System& system, const std::string& name);

}  // namespace mkcapture::init
