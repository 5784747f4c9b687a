// What stays of an image that was built: the file beside it, and the one that says what was loaded.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "builder/host/host.h"
#include "builder/service/inputs.h"
#include "init/contract/filter_check.h"

namespace mkcapture {

// Fixed, so that a unit, a hook and a person mean the same image.
inline constexpr const char* kImagePath = "/var/lib/mkcapture/capture.img";
inline constexpr const char* kStatePath = "/var/lib/mkcapture/capture.json";
inline constexpr const char* kLoadedPath = "/run/mkcapture/loaded.json";  // gone with the boot

/// An image that a kernel hook built for a kernel before its first boot.
[[nodiscard]] std::string prepared_image_path(const std::string& release);
[[nodiscard]] std::string prepared_state_path(const std::string& release);

struct ArmState {
  std::int64_t built = 0;  // seconds since 1970
  std::vector<std::string> why;
  BuiltFrom from;
  std::vector<Input> inputs;
  std::string load;  // the command that loads it, for sh
  std::uint64_t image_bytes = 0;
  std::uint64_t needed_bytes = 0;  // of crashkernel=, at least
  std::vector<std::string> warnings;
  std::optional<FilterCheck> filter;  // how the page filter agreed with that kernel
};

/// What was loaded since the boot, by arm.
struct Loaded {
  std::int64_t built = 0;  // the ArmState's
  std::int64_t at = 0;
};

/// Empty where there is none; an error where it is there and cannot be understood.
[[nodiscard]] Result<std::optional<ArmState>> read_arm_state(Host& host, const std::string& path);
[[nodiscard]] std::string format_arm_state(const ArmState& state);

[[nodiscard]] std::optional<Loaded> read_loaded(Host& host);
[[nodiscard]] Status write_loaded(Host& host, const Loaded& loaded);

}  // namespace mkcapture
