// Channel devices of IBM Z: which ones the targets are reached by.
#pragma once

#include <vector>

#include "builder/host/device_drivers.h"
#include "builder/plan/plan.h"
#include "init/contract/ccw_device.h"

namespace mkcapture {

/// Those that the drivers of a target's device or card are bound to on this machine.
[[nodiscard]] std::vector<CcwDevice> ccw_devices_of(Host& host,
                                                    const std::vector<DeviceDriver>& drivers);

/// Fills the targets' ccw_devices, and hides all other channel devices from the capture kernel
/// where each target's are known. Nothing to do for a profile without channel devices, where
/// --channel is an error.
[[nodiscard]] Status plan_ccw_devices(const Request& request, Host& host, Plan& plan);

}  // namespace mkcapture
