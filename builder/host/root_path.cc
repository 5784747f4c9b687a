#include "builder/host/root_path.h"

#include "modules/path_below.h"

namespace mkcapture {

Result<std::string> resolve_below(Host& host, const std::string& root, std::string_view path) {
  return path_below(
      root, path, [&](const std::string& at) { return host.read_link(at); },
      [&](const std::string& at) { return host.exists(at); });
}

}  // namespace mkcapture
