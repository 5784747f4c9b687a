#include "builder/host/device_drivers.h"

#include <algorithm>

namespace mkcapture {

std::string last_part(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

std::string trimmed(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' '))
    text.pop_back();
  return text;
}

std::string fact(Host& host, const std::string& path) {
  auto text = host.read_file(path);
  return text ? trimmed(*text) : "";
}

std::vector<DeviceDriver> drivers_above(Host& host, const std::string& folder) {
  std::vector<DeviceDriver> found;
  for (std::string at = folder; at.size() > std::string_view("/sys/devices").size();
       at.resize(at.rfind('/'))) {
    const auto driver = host.read_link(at + "/driver");
    if (!driver) continue;
    DeviceDriver device{last_part(*driver), "", fact(host, at + "/modalias"), last_part(at)};
    if (const auto module = host.read_link(at + "/driver/module"))
      device.module = last_part(*module);
    found.push_back(std::move(device));
  }
  std::reverse(found.begin(), found.end());
  std::vector<DeviceDriver> once;
  merge_drivers(once, std::move(found));
  return once;
}

void merge_drivers(std::vector<DeviceDriver>& into, std::vector<DeviceDriver> more) {
  for (auto& device : more) {
    const bool known = std::any_of(into.begin(), into.end(), [&](const DeviceDriver& other) {
      return other.driver == device.driver && other.module == device.module;
    });
    if (!known) into.push_back(std::move(device));
  }
}

}  // namespace mkcapture
