// nfs://SERVER[:PORT]/EXPORT/PATH: an NFS export as a target. The network is brought up first
// (net/bring_up.h), the export is mounted with mount(2), no helper program.
//
// In the image: nfsv3 and/or nfsv4 loaded already, since the kernel finds no modprobe here.
#pragma once

#include <memory>

#include "init/targets/target.h"

namespace mkcapture::init {

[[nodiscard]] std::unique_ptr<Target> make_target_of(const NfsSpec& spec,
                                                     const TargetContext& context);

}  // namespace mkcapture::init
