// raw:DEVICE: the dump straight onto a partition, from its first byte. Nothing else is stored.
//
// Only what is empty, swap or an earlier dump is overwritten (init/contract/raw_content.h), and a
// name that two disks answer to is refused: what the builder saw may have changed since, and a name
// like /dev/sda3 may be another device's in the capture kernel.
#pragma once

#include <memory>

#include "init/targets/target.h"

namespace mkcapture::init {

[[nodiscard]] std::unique_ptr<Target> make_target_of(const RawSpec& spec,
                                                     const TargetContext& context);

}  // namespace mkcapture::init
