// Where a target's device is on this machine, and which names of it survive a reboot.
#pragma once

#include <optional>
#include <string>

#include "builder/base/usage.h"
#include "builder/host/host.h"
#include "init/contract/target.h"

namespace mkcapture {

struct LocatedDevice {
  DeviceNumber number;
  std::string node;  // "/dev/vda1"
  BlockTags tags;    // as far as they can be read
};

/// The device that a name stands for here; nothing where this machine has none of that name.
[[nodiscard]] std::optional<LocatedDevice> locate(Host& host, const DeviceName& name);

/// A device by its number.
[[nodiscard]] LocatedDevice describe_device(Host& host, DeviceNumber number);

/// The directory /var/crash of this machine as a target: the file system that holds it by UUID, and
/// the path within it. An error says what holds it and what to pass instead.
[[nodiscard]] Result<TargetSpec> default_target(Host& host);

/// True for the types that /init mounts.
[[nodiscard]] bool is_supported_filesystem(std::string_view type);

}  // namespace mkcapture
