#include "init/pid1/early_mounts.h"

#include <sys/mount.h>

#include <cerrno>

namespace mkcapture::init {
namespace {

constexpr EarlyMount kMounts[] = {
    {"proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, ""},
    {"sysfs", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, ""},
    {"devtmpfs", "/dev", "devtmpfs", MS_NOSUID, "mode=0755"},
};
// On the rootfs: /run for leases, /mnt for targets, /etc for resolv.conf.
constexpr const char* kFolders[] = {"/run", "/mnt", "/etc", "/tmp"};

}  // namespace

std::span<const EarlyMount> early_mounts() {
  return kMounts;
}

Status mount_early(System& system) {
  for (const auto& m : kMounts) {
    TRY(system.make_dir(m.target));
    auto mounted = system.mount(m.source, m.target, m.type, m.flags, m.data);
    if (!mounted && mounted.error().code != EBUSY) return mounted;
  }
  for (const char* folder : kFolders)
    TRY(system.make_dir(folder));
  return {};
}

}  // namespace mkcapture::init
