// From a device's folder in /sys to the kernel drivers that make it appear: its own, and those of
// every bus and controller above it (sysfs-rules.rst: the folders above a device are its parents).
#pragma once

#include <string>
#include <vector>

#include "builder/base/usage.h"
#include "builder/host/host.h"

namespace mkcapture {

/// A driver at work on this machine.
struct DeviceDriver {
  std::string driver;    // as the bus calls it: "virtio-pci", "sd"
  std::string module;    // the module it came from: "virtio_pci"; empty where built in
  std::string modalias;  // of the device it drives; may be empty
  std::string device;    // the device's folder, last part: "0000:00:03.0"
  friend bool operator==(const DeviceDriver&, const DeviceDriver&) = default;
};

/// Drivers of the device `folder` (below /sys/devices, links resolved) and of its parents, the
/// outermost bus first: the order in which they must be there. Each driver once.
[[nodiscard]] std::vector<DeviceDriver> drivers_above(Host& host, const std::string& folder);

/// Adds those of `more` that are not in `into` yet.
void merge_drivers(std::vector<DeviceDriver>& into, std::vector<DeviceDriver> more);

/// "virtio_blk" of ".../drivers/virtio_blk".
[[nodiscard]] std::string last_part(const std::string& path);
/// Without a newline at the end.
[[nodiscard]] std::string trimmed(std::string text);
/// The trimmed bytes of a file; empty where it cannot be read.
[[nodiscard]] std::string fact(Host& host, const std::string& path);

}  // namespace mkcapture
