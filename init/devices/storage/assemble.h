// Brings up the layers between the disks and the wanted device, as their members appear: LVM on md
// on partitions, in any order. What it makes is a block device like any other, found and probed by
// the finder, and may be a member in its turn.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "init/devices/device_finder.h"
#include "init/devices/storage/layer.h"

namespace mkcapture::init {

class StorageAssembler {
 public:
  /// `wanted` are the layers that the image names; without any, nothing is ever brought up.
  StorageAssembler(System& system, ModuleLoader& modules, const std::vector<StorageLayer>& wanted);

  /// One look at what the finder has found. True where a device was made: look again. In the first
  /// half of the time until `deadline` missing members are waited for.
  [[nodiscard]] bool step(const std::map<std::string, BlockDevice>& devices,
                          const Deadline& deadline);
  /// What is missing: "vg0/var has 1 of its 2 PVs, not ..."; empty where nothing is.
  [[nodiscard]] std::string waiting_for() const;

 private:
  System& system_;
  std::vector<std::unique_ptr<Layer>> layers_;
  std::set<std::string> seen_;        // names and UUIDs of the members that were taken in
  std::optional<Deadline> patience_;  // for members that are missing
};

}  // namespace mkcapture::init
