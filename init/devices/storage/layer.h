// A storage layer: makes block devices out of others, by metadata that it only ever reads. One file
// for each kind beside this one; assemble.h asks them in turns.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "init/contract/storage.h"
#include "init/devices/module_loader.h"
#include "init/system/system.h"

namespace mkcapture::init {

/// A device that holds a layer's metadata, as libblkid calls it.
struct LayerMember {
  std::string name;  // as in /sys/class/block
  std::string path;
  std::uint64_t bytes = 0;
  std::string uuid;    // libblkid's; of an array all members have the same
  std::string number;  // "8:2"
};

/// What a layer is made with. `wanted` are the layers of its kind that the image names.
struct LayerParts {
  System& system;
  ModuleLoader& modules;
  std::vector<StorageLayer> wanted;
};

class Layer {
 public:
  virtual ~Layer() = default;
  /// libblkid's TYPE of its members.
  [[nodiscard]] virtual std::string_view member_type() const noexcept = 0;
  /// Takes in a member; each is given once.
  virtual void add(const LayerMember& member) = 0;
  /// Brings up what is whole, and once `late` also what is not but works. True where a device was
  /// made. What failed is not tried again; why is in the log and in waiting_for().
  virtual bool bring_up(bool late) = 0;
  /// What is missing, in words: "vg0/var has 1 of its 2 PVs"; empty where nothing is.
  [[nodiscard]] virtual std::string waiting_for() const = 0;
};

}  // namespace mkcapture::init
