// /proc/self/mountinfo (proc(5)): which file system holds a path, and where in it the path is.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "builder/base/usage.h"
#include "builder/host/host.h"

namespace mkcapture {

struct Mount {
  DeviceNumber device;  // st_dev of its files; 0:N for btrfs, overlay, tmpfs, network
  std::string root;     // the path in the file system that is mounted here: "/", "/@var", "/srv/x"
  std::string point;    // where it is mounted
  std::string type;     // "ext4", "nfs4", "fuse.sshfs"
  std::string source;   // "/dev/vda1", "server:/export", "tmpfs"
};

/// Lines that cannot be understood are left out; escapes (\040) are resolved.
[[nodiscard]] std::vector<Mount> parse_mountinfo(std::string_view text);

/// The mount that `path` (absolute, links resolved) lies in: of the deepest mount points the one
/// mounted last. Null where there is none.
[[nodiscard]] const Mount* mount_of(const std::vector<Mount>& mounts, std::string_view path);

/// The path seen from the root of the mounted file system: mount root plus the rest below the
/// mount point. With /var on a partition of its own "/var/crash" is "/crash"; on a btrfs subvolume
/// @var it is "/@var/crash", which is right where the top subvolume is mounted.
[[nodiscard]] std::string path_in_filesystem(const Mount& mount, std::string_view path);

}  // namespace mkcapture
