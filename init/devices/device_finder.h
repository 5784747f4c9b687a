// Finds a block device by what the target's DEVICE says, and waits for it: no udev, no cache.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "init/contract/target.h"
#include "init/devices/block_probe.h"
#include "init/devices/probes_apart.h"
#include "init/system/system.h"

namespace mkcapture::init {

struct BlockDevice {
  std::string name;  // as in /sys/class/block
  std::string path;  // "/dev/vda1"
  std::uint64_t bytes = 0;
  BlockIdentity identity;
  std::string mapped = {};  // "/dev/mapper/vg0-var", of device-mapper's
};
/// "vda1 (ext4, LABEL=root)", for messages.
[[nodiscard]] std::string describe(const BlockDevice& device);

class DeviceFinder {
 public:
  /// `on_event` sees every uevent while wait() waits: drivers are loaded for what appears. Devices
  /// of the names in `passed_over` are never a match: another try has failed on them.
  DeviceFinder(System& system, BlockProber& prober, DeviceName wanted,
               std::function<void(const Uevent&)> on_event,
               std::vector<std::string> passed_over = {});

  /// The device, as soon as it is there and has answered: each is probed apart, and one that does
  /// not answer keeps nobody waiting. What the kernel itself tells (a path, a partition's name, in
  /// newer kernels its UUID) leaves the others unread. At the deadline an error that lists what
  /// there is instead, and what has not answered.
  ///
  /// A disk that has partitions is looked at only where it is named by its path: what it holds are
  /// they. A mapping that is a part of another one is nothing by itself. A path may be a volume's:
  /// /dev/VG/LV, /dev/mapper/NAME. UUIDs are compared without regard to case; members of a RAID are
  /// never a match for UUID= and LABEL=. Where several have answered, the first in the order of
  /// names is taken, an active path before a passive one, and the log says so unless they are paths
  /// to one disk.
  [[nodiscard]] Result<BlockDevice> wait(const Deadline& deadline);

  /// As wait(), but an error where two different disks answer to the name; devices that are still
  /// being probed are waited for as long as a probe may take. For what is going to be overwritten.
  [[nodiscard]] Result<BlockDevice> wait_for_only(const Deadline& deadline);

  /// Once, after wait(): until there is something new, at most a second, then devices() says it.
  void wait_for_more(const Deadline& deadline);

  /// `step` is asked after each look that has not found the device, with what there is: it may make
  /// block devices out of others, and says whether it has. `waiting_for` gives the error its
  /// reason. With it every device is probed, whatever the wanted one's name: each may be a member.
  void assemble_by(
      std::function<bool(const std::map<std::string, BlockDevice>&, const Deadline&)> step,
      std::function<std::string()> waiting_for);

  /// What is known of the devices that have answered, by name.
  [[nodiscard]] const std::map<std::string, BlockDevice>& devices() const { return devices_; }
  /// Whether another path leads to the disk or partition that `device` is.
  [[nodiscard]] bool has_other_path(const BlockDevice& device);

 private:
  void scan();
  void take_answers();
  bool take_event(const Uevent& event);
  void take_queued_events();
  void wait_for_news(const Deadline& deadline);
  [[nodiscard]] bool worth_probing(const BlockDevice& device,
                                   const std::vector<std::string>& sorted_names);
  [[nodiscard]] std::vector<const BlockDevice*> matches();
  [[nodiscard]] bool same_disk(const BlockDevice& a, const BlockDevice& b);
  [[nodiscard]] const BlockDevice* match();
  [[nodiscard]] std::string list() const;
  [[nodiscard]] Error not_found(Milliseconds waited) const;

  struct Asked {
    int number = 0;
    BlockDevice device;
  };

  System& system_;
  DeviceName wanted_;      // as the target says it
  DeviceName looked_for_;  // without udev's links
  std::string mapped_;     // of a path: the name that it would be as an LVM volume's
  std::function<void(const Uevent&)> on_event_;
  std::function<bool(const std::map<std::string, BlockDevice>&, const Deadline&)> assemble_;
  std::function<std::string()> waiting_for_;
  std::vector<std::string> passed_over_;
  ProbesApart probes_;
  std::map<std::string, BlockDevice> devices_;  // by name; what needs no probe or has answered
  std::map<std::string, Asked> asked_;          // by name; not answered yet
  struct Failed {
    std::string why;
    Milliseconds when{0};
  };
  std::map<std::string, Failed> failed_;  // by name; read again every second
};

}  // namespace mkcapture::init
