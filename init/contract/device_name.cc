#include "init/contract/device_name.h"

#include "init/base/text.h"
#include "init/contract/targets/places.h"

namespace mkcapture {
namespace {

struct DevicePrefix {
  std::string_view text;
  DeviceName::By by;
};
constexpr DevicePrefix kDevicePrefixes[] = {{"UUID=", DeviceName::By::kUuid},
                                            {"LABEL=", DeviceName::By::kLabel},
                                            {"PARTUUID=", DeviceName::By::kPartUuid},
                                            {"PARTLABEL=", DeviceName::By::kPartLabel},
                                            {"", DeviceName::By::kPath}};

}  // namespace

Result<DeviceName> parse_device(std::string_view text) {
  for (const auto& prefix : kDevicePrefixes) {
    std::string_view value = text;
    if (!consume(value, prefix.text)) continue;
    if (!all_of(value, [](char c) { return !is_control(c); })) {
      return fail("the device's name contains a control character");
    }
    if (prefix.by != DeviceName::By::kPath) {
      if (value.empty()) return fail("nothing follows " + std::string(prefix.text));
      return DeviceName{prefix.by, std::string(value)};
    }
    auto path = parse_path(value);
    if (!path || !path->starts_with("/dev/")) break;
    return DeviceName{prefix.by, *std::move(path)};
  }
  return fail("'" + std::string(text) +
              "' is no device: write UUID=, LABEL=, PARTUUID=, PARTLABEL= or /dev/...");
}

std::string to_string(const DeviceName& device) {
  for (const auto& prefix : kDevicePrefixes) {
    if (prefix.by == device.by) return std::string(prefix.text) + device.value;
  }
  return device.value;
}

}  // namespace mkcapture
