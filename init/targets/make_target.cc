#include "init/targets/disk_target.h"
#include "init/targets/nfs_target.h"
#include "init/targets/raw_target.h"
#include "init/targets/ssh_target.h"
#include "init/targets/target.h"

namespace mkcapture::init {

std::unique_ptr<Target> make_target(const TargetSpec& spec, CaptureContext context) {
  switch (spec.kind) {
    case TargetSpec::Kind::kDisk:
      break;
    case TargetSpec::Kind::kRaw:
      return make_raw_target(spec, context);
    case TargetSpec::Kind::kNfs:
      return make_nfs_target(spec, context);
    case TargetSpec::Kind::kSsh:
      return make_ssh_target(spec, context);
  }
  return make_disk_target(spec, context);
}

}  // namespace mkcapture::init
