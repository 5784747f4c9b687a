// disk:DEVICE:PATH: a directory on a file system of a local block device. The specification; the
// target itself is init/targets/disk.h.
#pragma once

#include "init/contract/targets/needs.h"

namespace mkcapture {

struct DiskSpec {
  static constexpr std::string_view kPrefix = "disk:";
  static constexpr std::string_view kForm = "disk:DEVICE:PATH";

  DeviceName device;
  std::string path;  // absolute

  /// `text` is what follows the prefix.
  [[nodiscard]] static Result<DiskSpec> parse(std::string_view text);
  [[nodiscard]] std::string to_string() const;
  [[nodiscard]] TargetNeeds needs() const;
  [[nodiscard]] Status check() const { return {}; }
  bool operator==(const DiskSpec&) const = default;
};

}  // namespace mkcapture
