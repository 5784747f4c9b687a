#pragma once

#include <cerrno>
#include <cstring>

namespace mkcapture::init {

/// strerror(), and what musl has no words for: what ext4, XFS and btrfs say of a damaged file
/// system.
[[nodiscard]] inline const char* errno_words(int code) {
  return code == EUCLEAN ? "the file system is damaged" : std::strerror(code);
}

}  // namespace mkcapture::init
