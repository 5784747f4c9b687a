// Paths below --root, as they would resolve if it were /.
#pragma once

#include <string>
#include <string_view>

#include "builder/base/usage.h"
#include "builder/host/host.h"

namespace mkcapture {

/// The path on this machine of the absolute `path` of the system at `root`: symlinks, absolute ones
/// too, are followed inside of `root`. ENOENT where there is nothing, ELOOP after 40 links.
[[nodiscard]] Result<std::string> resolve_below(Host& host, const std::string& root,
                                                std::string_view path);

}  // namespace mkcapture
