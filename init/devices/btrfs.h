// Btrfs on several devices: the kernel must have been told of each before the file system is
// mounted (BTRFS_IOC_SCAN_DEV), and says whether it knows all of them (BTRFS_IOC_DEVICES_READY):
// linux/btrfs.h.
#pragma once

#include <functional>
#include <string>

#include "init/devices/device_finder.h"

namespace mkcapture::init {

/// Tells btrfs of a device. True: all devices of its file system are known now.
using BtrfsRegister = std::function<Result<bool>(const std::string& path)>;
[[nodiscard]] Result<bool> register_btrfs_device(const std::string& path);

/// Until all devices of the file system on `device` are known, as `finder` (which looks for its
/// UUID) sees them appear. At the deadline an error that names those that are there.
[[nodiscard]] Status wait_for_btrfs(System& system, DeviceFinder& finder, const BlockDevice& device,
                                    const BtrfsRegister& tell, const Deadline& deadline);

}  // namespace mkcapture::init
