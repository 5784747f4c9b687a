#include "builder/plan/pack.h"

#include "builder/plan/config_of.h"

namespace mkcapture {

Result<ImageContents> contents_of(const Plan& plan) {
  return assemble_image(config_of(plan), plan.image);
}

Result<PackedImage> pack(const Plan& plan) {
  PackedImage packed;
  TRY_ASSIGN(contents, contents_of(plan));
  packed.contents = std::move(contents);
  TRY_ASSIGN(bytes, pack_image(packed.contents, plan.compress, plan.mtime, packed.sizes));
  packed.bytes = std::move(bytes);
  return packed;
}

}  // namespace mkcapture
