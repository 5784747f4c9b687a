// LVM volumes (linear, striped, RAIDs, thin ones), on PVs that may appear one after the other.
#pragma once

#include <memory>

#include "init/devices/storage/layer.h"

namespace mkcapture::init {

/// A volume is brought up once all PVs are there that it lies on; `late`, a RAID with the legs that
/// are enough. No RAID resyncs. A thin volume is brought up where its pool has room. The metadata
/// is the newest of all PVs seen, so that a volume that was grown after the image was built is as
/// it is now.
[[nodiscard]] std::unique_ptr<Layer> lvm_layer(LayerParts parts);

}  // namespace mkcapture::init
