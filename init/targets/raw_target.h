// raw:DEVICE: the dump straight onto a partition, from its first byte. Nothing else is stored.
//
// A device named by its path alone, /dev/sda3, may be another one in the capture kernel: where it
// holds a file system, LUKS or a RAID member it is refused. PARTUUID= and PARTLABEL= are sure.
#pragma once

#include <memory>

#include "init/targets/target.h"

namespace mkcapture::init {

[[nodiscard]] std::unique_ptr<Target> make_target_of(const RawSpec& spec, CaptureContext context);

}  // namespace mkcapture::init
