#include "builder/plan/pack.h"

#include "builder/plan/config_of.h"

namespace mkcapture {

Result<ImageContents> contents_of(Host& host, const Plan& plan) {
  return assemble_image(host, config_of(plan), plan.image);
}

Result<PackedImage> pack(Host& host, const Plan& plan) {
  PackedImage packed;
  TRY_ASSIGN(contents, contents_of(host, plan));
  packed.contents = std::move(contents);
  TRY_ASSIGN(bytes, pack_image(packed.contents, plan.compress, plan.mtime, packed.sizes));
  packed.bytes = std::move(bytes);
  return packed;
}

}  // namespace mkcapture
