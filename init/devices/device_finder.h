// Finds a block device by what the target's DEVICE says, and waits for it: no udev, no cache.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "init/contract/target.h"
#include "init/devices/block_probe.h"
#include "init/system/system.h"

namespace mkcapture::init {

struct BlockDevice {
  std::string name;  // as in /sys/class/block
  std::string path;  // "/dev/vda1"
  std::uint64_t bytes = 0;
  BlockIdentity identity;
};
/// "vda1 (ext4, LABEL=root)", for messages.
[[nodiscard]] std::string describe(const BlockDevice& device);

class DeviceFinder {
 public:
  /// `on_event` sees every uevent while wait() waits: drivers are loaded for what appears.
  DeviceFinder(System& system, BlockProber& prober, DeviceName wanted,
               std::function<void(const Uevent&)> on_event);

  /// The device, as soon as it is there. At the deadline an error that lists what there is instead.
  /// A disk that has partitions is looked at only where it is named by its path: what it holds are
  /// they. UUIDs are compared without regard to case; members of a RAID are never a match for UUID=
  /// and LABEL=. Where several match, the first in the order of names is taken, and the log says
  /// so.
  [[nodiscard]] Result<BlockDevice> wait(const Deadline& deadline);

  /// `step` is asked after each look that has not found the device, with what there is: it may make
  /// block devices out of others, and says whether it has. `waiting_for` gives the error its
  /// reason.
  void assemble_by(
      std::function<bool(const std::map<std::string, BlockDevice>&, const Deadline&)> step,
      std::function<std::string()> waiting_for);

  /// What the last scan found.
  [[nodiscard]] const std::map<std::string, BlockDevice>& devices() const { return devices_; }

 private:
  void scan();
  [[nodiscard]] Result<BlockIdentity> look(const BlockDevice& device,
                                           const std::vector<std::string>& sorted_names);
  [[nodiscard]] const BlockDevice* match();
  [[nodiscard]] std::string list() const;

  System& system_;
  BlockProber& prober_;
  DeviceName wanted_;      // as the target says it
  DeviceName looked_for_;  // without udev's links
  std::function<void(const Uevent&)> on_event_;
  std::function<bool(const std::map<std::string, BlockDevice>&, const Deadline&)> assemble_;
  std::function<std::string()> waiting_for_;
  std::map<std::string, BlockDevice> devices_;  // by name; what could be probed
  std::map<std::string, std::string> failed_;   // by name; why it could not
};

}  // namespace mkcapture::init
