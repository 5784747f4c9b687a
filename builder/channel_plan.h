// Channel devices of IBM Z: which ones the targets are reached by.
#pragma once

#include <vector>

#include "builder/device_drivers.h"
#include "builder/plan.h"
#include "common/channel_spec.h"

namespace mkcapture {

/// Those that the drivers of a target's device or card are bound to on this machine.
[[nodiscard]] std::vector<capture::ChannelSpec> channels_of(
    Host& host, const std::vector<DeviceDriver>& drivers);

/// Fills the targets' channels, those of the image's configuration too, and hides all other channel
/// devices from the capture kernel where each target's are known. Nothing to do for a profile
/// without channel devices, where --channel is an error.
[[nodiscard]] Status plan_channels(const Request& request, Host& host, Plan& plan);

}  // namespace mkcapture
