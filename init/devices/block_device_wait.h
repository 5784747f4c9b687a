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
  BlockDeviceWait(CaptureContext context, const TargetSpec& spec,
                  std::unique_ptr<BlockProber> prober);

  /// Enters Step::kDevice. As DeviceFinder::wait().
  [[nodiscard]] Result<BlockDevice> wait(const Deadline& deadline);
  /// As DeviceFinder::wait_for_only().
  [[nodiscard]] Result<BlockDevice> wait_for_only(const Deadline& deadline);

  /// After wait() has found a btrfs: until its other devices are there.
  [[nodiscard]] Status wait_for_btrfs(const BlockDevice& device, const Deadline& deadline);

 private:
  void on_event(const Uevent& event);
  [[nodiscard]] DeviceFinder finder(DeviceName wanted);
  Result<BlockDevice> said(Result<BlockDevice> device);

  CaptureContext context_;
  Autoload autoload_ = Autoload::kNone;
  std::unique_ptr<BlockProber> prober_;
  StorageAssembler assembler_;
  DeviceFinder finder_;
};

}  // namespace mkcapture::init
