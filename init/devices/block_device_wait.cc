#include "init/devices/block_device_wait.h"

namespace mkcapture::init {
namespace {

/// The class that the configuration autoloads for this very target.
Autoload autoload_of(const CaptureConfig& config, const TargetSpec& spec) {
  for (const auto& target : config.targets) {
    if (target.spec == spec) return target.autoload;
  }
  return Autoload::kNone;
}

}  // namespace

BlockDeviceWait::BlockDeviceWait(CaptureContext context, const TargetSpec& spec)
    : context_(context),
      autoload_(autoload_of(context.config, spec)),
      prober_(make_blkid_prober()),
      finder_(context.system, *prober_, needs(spec).device.value_or(DeviceName()),
              [this](const Uevent& event) { on_event(event); }) {}

void BlockDeviceWait::on_event(const Uevent& event) {
  if (event.action == "overrun") {
    context_.modules.autoload(autoload_);
  } else if (event.action == "add" && !event.get("MODALIAS").empty()) {
    context_.modules.autoload(autoload_, std::string(event.get("MODALIAS")));
  }
}

Result<BlockDevice> BlockDeviceWait::wait(const Deadline& deadline) {
  context_.steps.enter(Step::kDevice);
  auto device = finder_.wait(deadline);
  if (device) context_.system.log("device " + describe(*device));
  return device;
}

}  // namespace mkcapture::init
