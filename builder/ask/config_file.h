// The configuration file, mkcapture.toml(5): TOML in, settings out.
#pragma once

#include <string>
#include <string_view>

#include "builder/ask/settings.h"
#include "builder/base/usage.h"
#include "builder/host/host.h"

namespace mkcapture {

/// Parses TOML text. `name` is the file as messages call it. Unknown keys, wrong types and TOML
/// errors are usage errors "NAME:LINE: KEY: why"; the origin of each value is "NAME:LINE: KEY".
/// Relative paths stay as they are.
[[nodiscard]] Result<Settings> parse_config_file(std::string_view text, const std::string& name);
/// Reads and parses FILE.
[[nodiscard]] Result<Settings> load_config_file(Host& host, const std::string& file);

}  // namespace mkcapture
