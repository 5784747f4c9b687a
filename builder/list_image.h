// `mkcapture --list IMG`.
#pragma once

#include <string>
#include <string_view>

#include "common/result.h"

namespace mkcapture {

/// One line per entry (mode, size, path), then totals: packed, unpacked, by kind (modules,
/// programs, libraries, firmware, rest). Takes any initramfs that the kernel would, several
/// archives in a row and early microcode archives included. Input is untrusted.
[[nodiscard]] capture::Result<std::string> list_image(std::string_view image);
[[nodiscard]] capture::Result<std::string> list_image_file(const std::string& path);

}  // namespace mkcapture
