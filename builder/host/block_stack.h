// What a block device of this machine stands on: its disks and their controllers, and the layers
// between (LVM, md), or what no capture image can bring up, found before a crash finds it.
#pragma once

#include <string>
#include <vector>

#include "builder/base/usage.h"
#include "builder/host/device_drivers.h"
#include "builder/host/host.h"
#include "init/contract/storage.h"

namespace mkcapture {

struct BlockStack {
  std::string words;                  // "vda1", "vg-var (dm-0) on sda2, sdb1"
  std::vector<DeviceDriver> drivers;  // of every disk below, outermost bus first
  std::vector<StorageLayer> layers;   // what /init brings up, the lowest first
  std::vector<std::string> modules;   // of the layers: "dm_mod", "raid1"
  std::vector<std::string> servers;   // addresses of its disks at the other end of a network
  std::vector<std::string> tree;      // where there are layers: the stack as indented lines
  /// What stands in the way: "an encrypted (LUKS) device"; empty where nothing does.
  std::string unsupported;
  std::string culprit;  // the words of the device that is so
};

/// The stack below a block device. An error where /sys does not know it.
[[nodiscard]] Result<BlockStack> block_stack(Host& host, DeviceNumber device);

/// The whole answer to an unsupported stack, for an error: what it is and the ways out, first of
/// all a file system of this machine that would do.
[[nodiscard]] std::string unsupported_words(Host& host, const BlockStack& stack);

}  // namespace mkcapture
