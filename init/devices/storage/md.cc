#include "init/devices/storage/md.h"

#include <linux/major.h>
#include <linux/raid/md_u.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <set>

#include "init/base/text.h"
#include "init/base/units.h"
#include "init/devices/storage/md_superblock.h"

namespace mkcapture::init {
namespace {

const std::string kParameters = "/sys/module/md_mod/parameters/";
constexpr int kFirstNumber = 127;  // as mdadm names arrays without a number of their own
constexpr int kMaxDepth = 8;       // of a stack

struct Member {
  LayerMember device;
  MdSuperblock superblock;
};

class MdLayer final : public Layer {
 public:
  explicit MdLayer(LayerParts parts) : parts_(std::move(parts)) {}

  std::string_view member_type() const noexcept override { return "linux_raid_member"; }

  void add(const LayerMember& member) override {
    auto superblock = read_md_superblock(
        [&](std::uint64_t offset, std::size_t bytes) {
          return parts_.system.read_at(member.path, offset, bytes);
        },
        member.bytes);
    if (!superblock) {
      parts_.system.log(member.name + ": " + superblock.error().message);
      return;
    }
    members_.push_back({member, *std::move(superblock)});
    members_.back().device.uuid = without_dashes(member.uuid);
  }

  bool bring_up(bool late) override {
    waiting_.clear();
    bool made = false;
    std::set<std::string> seen;
    for (std::size_t i = 0; i < members_.size(); ++i) {
      const std::string uuid = members_[i].device.uuid;
      if (done_.count(uuid) != 0 || !seen.insert(uuid).second) continue;
      if (const auto* wanted = wanted_of(uuid)) made |= bring_up(uuid, *wanted, late);
    }
    return made;
  }

  std::string waiting_for() const override {
    std::string all = failed_ + (failed_.empty() || waiting_.empty() ? "" : "; ") + waiting_;
    for (const auto& wanted : parts_.wanted) {
      const bool seen =
          wanted.any() || std::any_of(members_.begin(), members_.end(), [&](const auto& member) {
            return member.device.uuid == wanted.uuid;
          });
      if (!seen) all += (all.empty() ? "" : "; ") + ("no member of " + wanted.name) + " was found";
    }
    return all;
  }

 private:
  const StorageLayer* wanted_of(const std::string& uuid) const {
    for (const auto& wanted : parts_.wanted) {
      if (wanted.any() || wanted.uuid == uuid) return &wanted;
    }
    return nullptr;
  }

  void wait_for(const std::string& what) {
    if (!waiting_.empty()) waiting_ += "; ";
    waiting_ += what;
  }

  bool bring_up(const std::string& uuid, const StorageLayer& wanted, bool late) {
    const Member* newest = nullptr;
    for (const auto& member : members_) {
      if (member.device.uuid != uuid) continue;
      if (newest == nullptr || newest->superblock.events < member.superblock.events)
        newest = &member;
    }
    if (newest == nullptr) return false;
    const auto& array = newest->superblock;
    const std::string name = wanted.any() ? "md array " + uuid : wanted.name;
    if (!array.refused.empty()) {
      wait_for(name + " " + array.refused);
      return false;
    }
    const auto chosen = members_of(uuid, array);
    std::vector<bool> there(array.raid_disks);
    for (const auto* member : chosen)
      there[static_cast<std::size_t>(member->superblock.role)] = true;
    const auto had = std::count(array.active.begin(), array.active.end(), true);
    const auto has = static_cast<long>(chosen.size());
    if (!md_is_enough(array, there) || (has < had && !late)) {
      wait_for(name + " (" + std::string(md_level_name(array.level)) + ") has " +
               std::to_string(has) + " of " + std::to_string(array.raid_disks) + " members");
      return false;
    }
    done_.insert(uuid);
    const bool degraded = chosen.size() < array.raid_disks;
    auto device = assemble(array, chosen, degraded);
    if (!device) {
      parts_.system.log(name + ": " + device.error().message);
      failed_ += (failed_.empty() ? "" : "; ") + name + ": " + device.error().message;
      return false;
    }
    parts_.system.log(name + " is " + *device + ", " + std::string(md_level_name(array.level)) +
                      " with " + std::to_string(has) + " of " + std::to_string(array.raid_disks) +
                      " members" + (array.clean ? "" : ", not in sync"));
    return true;
  }

  /// Those with a role, in sync, and at most one event behind, which is what the kernel takes; one
  /// for each role.
  std::vector<const Member*> members_of(const std::string& uuid, const MdSuperblock& array) const {
    std::vector<const Member*> chosen;
    std::vector<bool> taken(array.raid_disks);
    for (const auto& member : members_) {
      const auto& one = member.superblock;
      if (member.device.uuid != uuid || one.role < 0 || !one.in_sync ||
          one.raid_disks != array.raid_disks || one.minor != array.minor ||
          one.events + 1 < array.events) {
        continue;
      }
      const auto role = static_cast<std::size_t>(one.role);
      if (taken[role] || !array.active[role]) continue;
      taken[role] = true;
      chosen.push_back(&member);
    }
    return chosen;
  }

  Result<std::string> assemble(const MdSuperblock& array, const std::vector<const Member*>& chosen,
                               bool degraded) {
    auto& system = parts_.system;
    TRY(parts_.modules.load(md_module(md_level_name(array.level))));
    TRY(system.write_file(kParameters + "start_ro", "1"));
    const bool parity = array.level >= 4 && array.level <= 6;
    if (parity && degraded && !array.clean) {
      system.log("the array is not in sync and lacks a member: start_dirty_degraded is set");
      TRY(system.write_file(kParameters + "start_dirty_degraded", "1"));
    }
    const std::string name = free_name();
    TRY(system.write_file(kParameters + "new_array", name));
    const std::string path = "/dev/" + name;
    auto started = start(path, array, chosen);
    if (!started) {
      (void)system.control_device(path, STOP_ARRAY, nullptr);
      return std::move(started).error();
    }
    return name;
  }

  Status start(const std::string& path, const MdSuperblock& array,
               const std::vector<const Member*>& chosen) {
    auto& system = parts_.system;
    mdu_array_info_t info{};  // all else is in the superblocks
    info.major_version = array.major;
    info.minor_version = array.minor;
    if (auto set = system.control_device(path, SET_ARRAY_INFO, &info); !set) {
      return std::move(set).error().within("SET_ARRAY_INFO");
    }
    for (const auto* member : chosen) {
      const auto parts = split(member->device.number, ':');
      mdu_disk_info_t disk{};
      disk.major = static_cast<int>(parse_number(parts.front()).value_or(0));
      disk.minor = static_cast<int>(parse_number(parts.back()).value_or(0));
      if (auto added = system.control_device(path, ADD_NEW_DISK, &disk); !added) {
        return std::move(added).error().within("ADD_NEW_DISK " + member->device.name);
      }
    }
    mdu_param_t parameters{};
    if (auto run = system.control_device(path, RUN_ARRAY, &parameters); !run) {
      return std::move(run).error().within("RUN_ARRAY");
    }
    return {};
  }

  std::string free_name() {
    for (int n = kFirstNumber; n > 0; --n) {
      const std::string name = "md" + std::to_string(n);
      if (!parts_.system.exists("/sys/class/block/" + name)) return name;
    }
    return "md0";
  }

  LayerParts parts_;
  std::vector<Member> members_;
  std::set<std::string> done_;  // UUIDs of what was tried
  std::string waiting_;         // for
  std::string failed_;          // and will not be tried again
};

void freeze_below(System& system, const std::string& name, int depth) {
  const std::string folder = "/sys/class/block/" + name;
  // Levels without redundancy have no such file.
  if (system.exists(folder + "/md/sync_action"))
    (void)system.write_file(folder + "/md/sync_action", "frozen");
  if (depth == 0) return;
  for (const auto& slave : system.list_dir(folder + "/slaves").value_or({}))
    freeze_below(system, slave, depth - 1);
}

}  // namespace

std::unique_ptr<Layer> md_layer(LayerParts parts) {
  return std::make_unique<MdLayer>(std::move(parts));
}

void freeze_arrays(System& system, const std::string& name) {
  freeze_below(system, name, kMaxDepth);
}

}  // namespace mkcapture::init
