// NVMe over TCP: disks at the other end of a network, which is up before. The kernel does it all,
// asked by one write to /dev/nvme-fabrics (kernel: drivers/nvme/host/fabrics.c).
#pragma once

#include <memory>

#include "init/devices/storage/layer.h"

namespace mkcapture::init {

/// Connects to every controller that is named, each tried again every second until it answers;
/// their disks are found like any other. One that is connected already is left so.
[[nodiscard]] std::unique_ptr<Layer> nvme_tcp_layer(LayerParts parts);

}  // namespace mkcapture::init
