// raw:DEVICE: the dump straight onto a partition. The specification; the target itself is
// init/targets/raw.h.
#pragma once

#include "init/contract/targets/needs.h"

namespace mkcapture {

struct RawSpec {
  static constexpr std::string_view kPrefix = "raw:";
  static constexpr std::string_view kForm = "raw:DEVICE";

  DeviceName device;

  /// `text` is what follows the prefix.
  [[nodiscard]] static Result<RawSpec> parse(std::string_view text);
  [[nodiscard]] std::string to_string() const;
  [[nodiscard]] TargetNeeds needs() const;
  [[nodiscard]] Status check() const { return {}; }
  bool operator==(const RawSpec&) const = default;
};

}  // namespace mkcapture
