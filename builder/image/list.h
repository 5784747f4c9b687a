// What is in an image, for people: `--list IMG` and `--print tree`.
#pragma once

#include <string>
#include <string_view>

#include "builder/base/usage.h"
#include "builder/host/host.h"
#include "builder/image/assemble.h"

namespace mkcapture {

/// One line per entry (mode, size, path), then the archives and totals by kind (modules, programs,
/// libraries, firmware, other). Takes any initramfs that the kernel would: several archives in a
/// row, packed or not, early microcode among them. Input is untrusted.
[[nodiscard]] Result<std::string> list_image(std::string_view image);
[[nodiscard]] Result<std::string> list_image_file(Host& host, const std::string& path);

/// The same of an image that is not written yet, with where each file comes from.
[[nodiscard]] std::string format_tree(const ImageContents& contents);

}  // namespace mkcapture
