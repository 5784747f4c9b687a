#include "builder/host/multipath.h"

#include "builder/host/device_drivers.h"
#include "init/base/text.h"

namespace mkcapture {

namespace {

// "mpath-3600..." or "part12-mpath-3600..."
bool is_multipath(std::string_view uuid) {
  if (consume(uuid, "part")) {
    const auto digits = uuid.find_first_not_of("0123456789");
    if (digits == 0 || digits == std::string_view::npos || uuid[digits] != '-') return false;
    uuid.remove_prefix(digits + 1);
  }
  return uuid.starts_with("mpath-");
}

}  // namespace

std::optional<std::vector<std::string>> multipath_paths(Host& host, const std::string& folder) {
  if (!is_multipath(fact(host, folder + "/dm/uuid"))) return std::nullopt;
  std::vector<std::string> paths;
  const auto slaves = host.list_dir(folder + "/slaves").value_or({});
  for (const auto& slave : slaves) {
    const std::string number = fact(host, folder + "/slaves/" + slave + "/dev");
    if (auto below = host.real_path("/sys/dev/block/" + number)) paths.push_back(*below);
  }
  return paths;
}

}  // namespace mkcapture
