// disk:DEVICE:PATH: a directory on a file system of a local disk.
//
// The type is what libblkid finds on the device; the modules that it needs are those of the
// configuration's filesystem= line. ext2, ext3 and ext4 are all mounted by ext4. vfat allows no ':'
// in names: there the dump directory is called HOST-YYYY-MM-DD-HH-MM-SS.
#pragma once

#include <memory>

#include "init/devices/device_finder.h"
#include "init/targets/target.h"

namespace mkcapture::init {

[[nodiscard]] std::unique_ptr<Target> make_target_of(const DiskSpec& spec,
                                                     const TargetContext& context);

/// How a file system is mounted. `type` is for mount(2).
struct MountPlan {
  std::string type;
  std::string data;
  std::vector<std::string> modules;
};
/// For a device of the given content; an error says what the image lacks. `builtin` is the text of
/// /proc/filesystems: what the kernel has without a module.
[[nodiscard]] Result<MountPlan> plan_mount(const BlockDevice& device, const CaptureConfig& config,
                                           std::string_view builtin);

}  // namespace mkcapture::init
