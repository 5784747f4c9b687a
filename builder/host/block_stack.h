// What a block device of this machine stands on: its disk and controllers, or the layers that no
// capture image can bring up (LVM, md, LUKS, ...), found before a crash finds them.
#pragma once

#include <string>
#include <vector>

#include "builder/base/usage.h"
#include "builder/host/device_drivers.h"
#include "builder/host/host.h"

namespace mkcapture {

struct BlockStack {
  std::string words;                  // "vda1", "the LVM volume vg-var (dm-0) on sda2, sdb1"
  std::vector<DeviceDriver> drivers;  // outermost bus first
  /// What stands in the way: "an LVM volume", "an md array (raid1)"; empty for plain disks.
  std::string unsupported;
};

/// The stack below a block device. An error where /sys does not know it.
[[nodiscard]] Result<BlockStack> block_stack(Host& host, DeviceNumber device);

/// The whole answer to an unsupported stack, for an error: what it is and the ways out.
[[nodiscard]] std::string unsupported_words(const BlockStack& stack);

}  // namespace mkcapture
