#include "init/devices/block_device_wait.h"

#include "init/devices/storage/md.h"

namespace mkcapture::init {
namespace {

/// What the configuration has for this very target.
TargetEntry entry_of(const CaptureConfig& config, const TargetSpec& spec) {
  for (const auto& target : config.targets) {
    if (target.spec == spec) return target;
  }
  return {};
}

}  // namespace

BlockDeviceWait::BlockDeviceWait(CaptureContext context, const TargetSpec& spec)
    : context_(context),
      autoload_(entry_of(context.config, spec).autoload),
      prober_(make_blkid_prober()),
      assembler_(context.system, context.modules, entry_of(context.config, spec).layers),
      finder_(context.system, *prober_, needs(spec).device.value_or(DeviceName()),
              [this](const Uevent& event) { on_event(event); }) {
  finder_.assemble_by(
      [this](const auto& devices, const Deadline& deadline) {
        return assembler_.step(devices, deadline);
      },
      [this] { return assembler_.waiting_for(); });
}

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
  if (device) {
    context_.system.log("device " + describe(*device));
    freeze_arrays(context_.system, device->name);
  }
  return device;
}

}  // namespace mkcapture::init
