#include "init/devices/block_device_wait.h"

#include <utility>

#include "init/devices/btrfs.h"
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

BlockDeviceWait::BlockDeviceWait(CaptureContext context, const TargetSpec& spec,
                                 std::unique_ptr<BlockProber> prober)
    : context_(context),
      autoload_(entry_of(context.config, spec).autoload),
      prober_(std::move(prober)),
      assembler_(context.system, context.modules, entry_of(context.config, spec).layers),
      finder_(finder(needs(spec).device.value_or(DeviceName()))) {
  if (entry_of(context.config, spec).layers.empty()) return;
  finder_.assemble_by(
      [this](const auto& devices, const Deadline& deadline) {
        return assembler_.step(devices, deadline);
      },
      [this] { return assembler_.waiting_for(); });
}

DeviceFinder BlockDeviceWait::finder(DeviceName wanted) {
  return {context_.system, *prober_, std::move(wanted),
          [this](const Uevent& event) { on_event(event); }, context_.passed_over};
}

void BlockDeviceWait::on_event(const Uevent& event) {
  if (event.action == "overrun") {
    context_.modules.autoload(autoload_);
  } else if (event.action == "add" && !event.get("MODALIAS").empty()) {
    context_.modules.autoload(autoload_, std::string(event.get("MODALIAS")));
  }
}

Result<BlockDevice> BlockDeviceWait::said(Result<BlockDevice> device) {
  if (!device) return device;
  context_.steps.uses_device(device->name, finder_.has_other_path(*device));
  context_.system.log("device " + describe(*device));
  freeze_arrays(context_.system, device->name);
  return device;
}

Result<BlockDevice> BlockDeviceWait::wait(const Deadline& deadline) {
  context_.steps.enter(Step::kDevice);
  return said(finder_.wait(deadline));
}

Result<BlockDevice> BlockDeviceWait::wait_for_only(const Deadline& deadline) {
  context_.steps.enter(Step::kDevice);
  return said(finder_.wait_for_only(deadline));
}

Status BlockDeviceWait::wait_for_btrfs(const BlockDevice& device, const Deadline& deadline) {
  DeviceFinder members = finder({DeviceName::By::kUuid, device.identity.uuid});
  return init::wait_for_btrfs(context_.system, members, device, register_btrfs_device, deadline);
}

}  // namespace mkcapture::init
