// virtiofs:TAG:/PATH: a directory on a share of the virtual machine's host.
#pragma once

#include "init/targets/target.h"

namespace mkcapture::init {

[[nodiscard]] std::unique_ptr<Target> make_target_of(const VirtiofsSpec& spec,
                                                     const TargetContext& context);

}  // namespace mkcapture::init
