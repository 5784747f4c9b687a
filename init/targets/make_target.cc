// Every kind has a line here.
#include "init/targets/disk_target.h"
#include "init/targets/nfs_target.h"
#include "init/targets/raw_target.h"
#include "init/targets/ssh_target.h"
#include "init/targets/target.h"

namespace mkcapture::init {

std::unique_ptr<Target> make_target(const TargetSpec& spec, CaptureContext context) {
  return std::visit([&](const auto& kind) { return make_target_of(kind, context); }, spec);
}

}  // namespace mkcapture::init
