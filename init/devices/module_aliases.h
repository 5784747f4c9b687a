// etc/modules.alias: which module drives which device. As modules.alias of a kernel tree, but only
// for the image's own modules: lines "PATTERN NAME", shell patterns as fnmatch(3) takes them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace mkcapture::init {

class ModuleAliases {
 public:
  ModuleAliases() = default;
  /// Lines without a blank are passed over.
  explicit ModuleAliases(std::string_view text);
  ModuleAliases(const ModuleAliases&) = delete;
  ModuleAliases& operator=(const ModuleAliases&) = delete;

  /// The modules whose pattern matches a device's modalias, in the file's order, each once.
  [[nodiscard]] std::vector<std::string_view> match(const std::string& modalias) const;

 private:
  struct Alias {
    std::string pattern;
    std::size_t literal;  // characters in front of the first wildcard
    std::string name;
  };
  std::vector<Alias> aliases_;
};

}  // namespace mkcapture::init
