// What the targets on local block devices share: waiting for the device while drivers are loaded
// for whatever appears.
#pragma once

#include <memory>

#include "init/devices/block_probe.h"
#include "init/devices/context.h"
#include "init/devices/device_finder.h"
#include "init/devices/storage/assemble.h"

namespace mkcapture::init {

class BlockDeviceWait {
 public:
  /// For a target that stands on a block device.
  BlockDeviceWait(CaptureContext context, const TargetSpec& spec);

  /// Enters Step::kDevice. As DeviceFinder::wait().
  [[nodiscard]] Result<BlockDevice> wait(const Deadline& deadline);
  [[nodiscard]] const DeviceFinder& finder() const noexcept { return finder_; }

 private:
  void on_event(const Uevent& event);

  CaptureContext context_;
  Autoload autoload_ = Autoload::kNone;
  std::unique_ptr<BlockProber> prober_;
  StorageAssembler assembler_;
  DeviceFinder finder_;
};

}  // namespace mkcapture::init
