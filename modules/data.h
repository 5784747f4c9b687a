// The files modules/*.toml, compiled in.
#pragma once

#include <span>
#include <string_view>

namespace mkcapture {

struct DataFile {
  const char* name;  // "modules/storage.toml"
  std::string_view text;
};
[[nodiscard]] std::span<const DataFile> module_data();

}  // namespace mkcapture
