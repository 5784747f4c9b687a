// How a block device is named in a target, as text and as a value. Pure.
#pragma once

#include <string>
#include <string_view>

#include "init/base/result.h"

namespace mkcapture {

/// Names that follow probe order (/dev/sda) are accepted, but differ between the production and the
/// capture kernel; the builder turns them into UUIDs where it can.
struct DeviceName {
  enum class By { kPath, kUuid, kLabel, kPartUuid, kPartLabel };
  By by = By::kPath;
  std::string value;  // "/dev/..." for kPath, else what follows the '='

  bool operator==(const DeviceName&) const = default;
};

/// Parses "UUID=...", "LABEL=...", "PARTUUID=...", "PARTLABEL=..." or "/dev/...".
[[nodiscard]] Result<DeviceName> parse_device(std::string_view text);
[[nodiscard]] std::string to_string(const DeviceName& device);

}  // namespace mkcapture
