#include "init/devices/storage/assemble.h"

#include "init/base/text.h"
#include "init/devices/storage/lvm.h"
#include "init/devices/storage/md.h"
#include "init/devices/storage/nvme_tcp.h"

namespace mkcapture::init {
namespace {

constexpr std::size_t kMaxNumber = 64;

std::vector<StorageLayer> of_kind(const std::vector<StorageLayer>& all, StorageLayer::Kind kind) {
  std::vector<StorageLayer> some;
  for (const auto& layer : all) {
    if (layer.kind == kind) some.push_back(layer);
  }
  return some;
}

}  // namespace

StorageAssembler::StorageAssembler(System& system, ModuleLoader& modules,
                                   const std::vector<StorageLayer>& wanted)
    : system_(system) {
  using Kind = StorageLayer::Kind;
  if (auto nvme = of_kind(wanted, Kind::kNvmeTcp); !nvme.empty())
    layers_.push_back(nvme_tcp_layer({system, modules, std::move(nvme)}));
  if (auto md = of_kind(wanted, Kind::kMd); !md.empty())
    layers_.push_back(md_layer({system, modules, std::move(md)}));
  if (auto lvm = of_kind(wanted, Kind::kLvm); !lvm.empty())
    layers_.push_back(lvm_layer({system, modules, std::move(lvm)}));
}

bool StorageAssembler::step(const std::map<std::string, BlockDevice>& devices,
                            const Deadline& deadline) {
  if (layers_.empty()) return false;
  if (!patience_) patience_ = deadline.sooner(deadline.left() / 2);
  bool made = false;
  for (const auto& layer : layers_) {
    for (const auto& [name, device] : devices) {
      if (device.identity.type != layer->member_type()) continue;
      if (!seen_.insert(name + " " + device.identity.uuid).second) continue;
      const auto number = system_.read_file("/sys/class/block/" + name + "/dev", kMaxNumber);
      if (!number) continue;
      layer->add(
          {name, device.path, device.bytes, device.identity.uuid, std::string(trim(*number))});
    }
    made |= layer->bring_up(patience_->passed());
  }
  return made;
}

std::string StorageAssembler::waiting_for() const {
  std::string all;
  for (const auto& layer : layers_) {
    const std::string one = layer->waiting_for();
    if (!one.empty()) all += (all.empty() ? "" : "; ") + one;
  }
  return all;
}

}  // namespace mkcapture::init
