#include "init/devices/btrfs.h"

#include <fcntl.h>
#include <linux/btrfs.h>
#include <sys/ioctl.h>

#include <cerrno>
#include <cstring>
#include <set>

#include "init/base/unique_fd.h"

namespace mkcapture::init {

Result<bool> register_btrfs_device(const std::string& path) {
  const UniqueFd control(open("/dev/btrfs-control", O_RDWR | O_CLOEXEC));
  if (!control.valid()) return sys_error("/dev/btrfs-control", errno);
  btrfs_ioctl_vol_args arguments{};
  std::strncpy(arguments.name, path.c_str(), sizeof arguments.name - 1);
  const int missing = ioctl(control.get(), BTRFS_IOC_DEVICES_READY, &arguments);
  if (missing < 0) return sys_error(path, errno);
  return missing == 0;
}

Status wait_for_btrfs(System& system, DeviceFinder& finder, const BlockDevice& device,
                      const BtrfsRegister& tell, const Deadline& deadline) {
  auto whole = tell(device.path);
  if (!whole) return std::move(whole).error();
  if (*whole) return {};
  std::set<std::string> told{device.name};
  system.log("btrfs: more devices of UUID=" + device.identity.uuid + " are waited for");
  (void)finder.wait(deadline);
  for (;;) {
    for (const auto& [name, other] : finder.devices()) {
      const bool member = other.identity.type == "btrfs" &&
                          other.identity.uuid == device.identity.uuid && !told.contains(name);
      if (*whole || !member) continue;
      told.insert(name);
      auto now = tell(other.path);
      if (now) {
        whole = std::move(now);
      } else {  // another one may hold what is needed
        system.log("btrfs: " + now.error().message);
      }
    }
    if (*whole) return {};
    if (deadline.passed()) break;
    finder.wait_for_more(deadline);
  }
  std::string names;
  for (const auto& name : told)
    names += (names.empty() ? "" : ", ") + name;
  return fail(ErrorKind::kUnavailable, "btrfs UUID=" + device.identity.uuid +
                                           " has devices that are not there; there are " + names);
}

}  // namespace mkcapture::init
