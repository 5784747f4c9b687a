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

/// The files of the image of a plan that was not made for loading alone, its configuration among
/// them.
[[nodiscard]] Result<ImageContents> contents_of(Host& host, const Plan& plan);

/// Puts the image together, packs it and reads it back.
[[nodiscard]] Result<PackedImage> pack(Host& host, const Plan& plan);

}  // namespace mkcapture
