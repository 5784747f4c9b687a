#include "init/devices/module_aliases.h"

#include <fnmatch.h>

#include <algorithm>

#include "init/base/text.h"

namespace mkcapture::init {

ModuleAliases::ModuleAliases(std::string_view text) {
  for (auto line : split(text, '\n')) {
    line = trim(line);
    const auto blank = line.rfind(' ');
    if (blank == std::string_view::npos || line.front() == '#') continue;
    const auto pattern = trim(line.substr(0, blank));
    aliases_.push_back({std::string(pattern),
                        std::min(pattern.find_first_of("*?[\\"), pattern.size()),
                        std::string(line.substr(blank + 1))});
  }
}

std::vector<std::string_view> ModuleAliases::match(const std::string& modalias) const {
  std::vector<std::string_view> names;
  for (const auto& alias : aliases_) {
    // Nearly all patterns differ within their literal part: the matcher runs for very few.
    if (modalias.compare(0, alias.literal, alias.pattern, 0, alias.literal) != 0) continue;
    if (fnmatch(alias.pattern.c_str(), modalias.c_str(), 0) != 0) continue;
    if (std::find(names.begin(), names.end(), alias.name) == names.end()) {
      names.push_back(alias.name);
    }
  }
  return names;
}

}  // namespace mkcapture::init
