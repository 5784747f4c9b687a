// From the plan to the image's bytes.
#pragma once

#include <string>

#include "builder/image/assemble.h"
#include "builder/image/image_contents.h"
#include "builder/plan/plan.h"

namespace mkcapture {

struct PackedImage {
  ImageContents contents;
  std::string bytes;
  ImageSizes sizes;
};

/// Puts the image together, packs it and reads it back. What it notices on the way (firmware that
/// is not here) becomes one of the plan's notes. An error where there are no programs for it.
[[nodiscard]] Result<PackedImage> pack(Plan& plan);

}  // namespace mkcapture
