#include "tests/fakes/source_tree.h"

namespace mkcapture::fakes {

std::string source_path(std::string_view relative) {
  return std::string(MKCAPTURE_SOURCE_DIR) + "/" + std::string(relative);
}

}  // namespace mkcapture::fakes
