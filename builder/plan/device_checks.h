// What a target's block device must be like, and what is worth a warning before a crash: names that
// the capture kernel has, content that may be overwritten, room for a dump.
#pragma once

#include <optional>
#include <string>

#include "builder/host/locate.h"
#include "builder/plan/plan.h"

namespace mkcapture {

/// The name to take in the place of `name`, for a device of this machine: for a path (/dev/sda3,
/// /dev/disk/by-id/..., /dev/mapper/...) the UUID, and where the device is overwritten, which takes
/// UUID and label with it, the partition's own. Nothing where `name` is good, or there is no
/// better.
[[nodiscard]] std::optional<DeviceName> better_name(const DeviceName& name, bool overwritten,
                                                    const BlockTags& tags);

/// An error for a name that the capture kernel cannot have or, if `overwritten`, will have only
/// once; a warning for one that may mean another device there.
[[nodiscard]] Status check_name(const DeviceName& name, bool overwritten, bool here,
                                const std::string& origin, Plan& plan);

/// An error where something holds the device or is on it that is not to be lost.
[[nodiscard]] Status check_overwritten(Host& host, const LocatedDevice& device,
                                       const std::string& origin);

/// Of a file system's device, with the path of the dumps on it: the drivers of all members of a
/// btrfs are added to the target's, and warnings about vfat's largest file, free space, and a path
/// that is another one on a btrfs with subvolumes.
[[nodiscard]] Status check_filesystem(Host& host, const LocatedDevice& device,
                                      const std::string& path, int dump_level,
                                      const std::string& origin, TargetPlan& target, Plan& plan);

}  // namespace mkcapture
