// Paths on a server.
#pragma once

#include <string>

namespace mkcapture::init {

[[nodiscard]] inline std::string joined(const std::string& folder, const std::string& name) {
  return folder.ends_with('/') ? folder + name : folder + "/" + name;
}

}  // namespace mkcapture::init
