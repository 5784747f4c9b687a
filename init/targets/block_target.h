// What the targets on local block devices share: waiting for the device while drivers are loaded
// for whatever appears.
#pragma once

#include <memory>

#include "block_probe.h"
#include "device_finder.h"
#include "targets/target.h"

namespace capture {

class BlockDeviceWait {
 public:
  BlockDeviceWait(TargetContext context, const TargetSpec& spec);

  /// Enters Step::kDevice. As DeviceFinder::wait().
  [[nodiscard]] Result<BlockDevice> wait(const Deadline& deadline);
  [[nodiscard]] const DeviceFinder& finder() const noexcept { return finder_; }

 private:
  void on_event(const Uevent& event);

  TargetContext context_;
  Autoload autoload_ = Autoload::kNone;
  std::unique_ptr<BlockProber> prober_;
  DeviceFinder finder_;
};

}  // namespace capture
