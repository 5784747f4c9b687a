// The list of all kinds: a line each.
#include "init/targets/disk.h"
#include "init/targets/nfs.h"
#include "init/targets/raw.h"
#include "init/targets/ssh.h"
#include "init/targets/virtiofs.h"

namespace mkcapture::init {

std::unique_ptr<Target> make_target(const TargetSpec& spec, const TargetContext& context) {
  return std::visit([&context](const auto& kind) { return make_target_of(kind, context); }, spec);
}

}  // namespace mkcapture::init
