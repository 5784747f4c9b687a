#include "init/devices/storage/lvm.h"

#include <algorithm>
#include <set>

#include "init/base/text.h"
#include "init/contract/lvm_stack.h"
#include "init/devices/storage/device_mapper.h"

namespace mkcapture::init {
namespace {

constexpr std::size_t kUuid = 32;
constexpr std::size_t kMaxNumber = 64;    // "253:1\n"
constexpr std::size_t kMaxVolumes = 256;  // brought up where none is named

class LvmLayer final : public Layer {
 public:
  explicit LvmLayer(LayerParts parts) : parts_(std::move(parts)) {}

  std::string_view member_type() const noexcept override { return "LVM2_member"; }

  void add(const LayerMember& member) override {
    auto pv = read_lvm_pv([&](std::uint64_t offset, std::size_t bytes) {
      return parts_.system.read_at(member.path, offset, bytes);
    });
    if (!pv) {
      parts_.system.log(member.name + ": " + pv.error().message);
      return;
    }
    for (const auto& known : pvs_) {
      if (known.uuid != pv->uuid) continue;
      parts_.system.log(member.name + " is the same PV as " + known.number + ", which is taken");
      return;
    }
    pvs_.push_back({pv->uuid, member.number});
    changed_ = true;
    const auto version = lvm_version(pv->text);
    if (!version) return;
    const auto group = std::find_if(groups_.begin(), groups_.end(),
                                    [&](const auto& g) { return g.version.uuid == version->uuid; });
    if (group == groups_.end()) {
      groups_.push_back({*version, std::move(pv->text)});
    } else if (group->version.seqno < version->seqno) {
      *group = {*version, std::move(pv->text)};
    }
  }

  bool bring_up(bool late) override {
    if (!changed_ && late == late_) return false;
    changed_ = false;
    late_ = late;
    waiting_.clear();
    bool made = false;
    for (const auto& known : groups_) {
      const auto group = parse_lvm_group(known.text);
      if (!group) {
        wait_for(group.error().message);
        continue;
      }
      for (const auto& wanted : parts_.wanted)
        made |= wanted.any() ? bring_up_all(*group) : bring_up_one(*group, wanted);
    }
    return made;
  }

  std::string waiting_for() const override {
    std::string all = failed_ + (failed_.empty() || waiting_.empty() ? "" : "; ") + waiting_;
    for (const auto& wanted : parts_.wanted) {
      const bool seen =
          wanted.any() || std::any_of(groups_.begin(), groups_.end(), [&](const auto& group) {
            return wanted.uuid.starts_with(group.version.uuid);
          });
      if (!seen) all += (all.empty() ? "" : "; ") + ("no PV of " + wanted.name) + " was found";
    }
    return all;
  }

 private:
  struct Group {
    LvmVersion version;
    std::string text;
  };

  void wait_for(const std::string& what) {
    if (!waiting_.empty()) waiting_ += "; ";
    waiting_ += what;
  }

  bool bring_up_one(const LvmGroup& group, const StorageLayer& wanted) {
    if (!wanted.uuid.starts_with(group.uuid)) return false;
    const auto* volume = group.find(std::string_view(wanted.uuid).substr(kUuid));
    if (volume == nullptr) {
      wait_for(group.name + " has no volume " + wanted.name + " any more");
      return false;
    }
    return bring_up(group, *volume);
  }

  /// Where no volume is named. A group that belongs to another machine is left alone; that a named
  /// one is this machine's was seen when the image was built.
  bool bring_up_all(const LvmGroup& group) {
    if (!group.system_id.empty()) {
      wait_for(group.name + " belongs to the machine " + group.system_id);
      return false;
    }
    bool made = false;
    for (const auto& volume : group.volumes) {
      if (volume.visible && !is_thin_pool(volume) && done_.size() < kMaxVolumes)
        made |= bring_up(group, volume);
    }
    return made;
  }

  bool bring_up(const LvmGroup& group, const LvmVolume& volume) {
    const std::string uuid = uuid_of(group, volume);
    if (done_.count(uuid) != 0) return false;
    LvmStack stack = lvm_stack(group, volume, &pvs_);
    if (!stack.refused.empty()) {
      wait_for(stack.refused);
      return false;
    }
    const std::string name = group.name + "/" + volume.name;
    std::string missing;
    std::size_t there = 0;
    bool may_come = false;
    for (const auto& [pv, device] : stack.pvs) {
      if (!device.empty() && !pv->missing) {
        ++there;
        continue;
      }
      missing += (missing.empty() ? "" : ", ") + pv->uuid;
      may_come |= !pv->missing;
    }
    if (!missing.empty())
      missing = name + " has " + std::to_string(there) + " of its " +
                std::to_string(stack.pvs.size()) + " PVs, not " + missing;
    const LvmHealth health = stack.health();
    if (health == LvmHealth::kBroken || (health == LvmHealth::kDegraded && may_come && !late_)) {
      wait_for(missing.empty() ? name + " lacks legs" : missing);
      return false;
    }
    done_.insert(uuid);
    if (health == LvmHealth::kDegraded) {
      parts_.system.log(missing.empty() ? name + " lacks a leg" : missing);
      // One with parity that was not in sync starts all the same, as in md.cc.
      (void)parts_.modules.load("md_mod");
      (void)parts_.system.write_file("/sys/module/md_mod/parameters/start_dirty_degraded", "1");
    }
    made_.clear();
    auto device = make(group, stack, volume);
    if (!device) {
      // What is left of it would be taken for what it is a part of.
      for (; !made_.empty(); made_.pop_back())
        remove_mapping(parts_.system, made_.back());
      parts_.system.log(device.error().message);
      failed_ += (failed_.empty() ? "" : "; ") + name + ": " + device.error().message;
      return false;
    }
    parts_.system.log("LVM volume " + name + " is " + *device + ", by metadata " +
                      std::to_string(group.seqno));
    return true;
  }

  /// The volume, after what it stands on. The name of its device: "dm-1". Parts of a stack, which
  /// has no loops, are made once.
  Result<std::string> make(const LvmGroup& group, LvmStack& stack, const LvmVolume& volume) {
    auto& system = parts_.system;
    for (const auto& segment : volume.segments) {
      for (const auto& area : segment.areas) {
        const auto* meta = stack.part(area.meta);
        const bool broken = meta != nullptr && meta->health == LvmHealth::kBroken;
        for (const auto& below : {area.meta, area.name}) {
          const auto* part = broken ? nullptr : stack.part(below);
          if (part == nullptr || part->health == LvmHealth::kBroken || !part->device.empty())
            continue;
          TRY(make(group, stack, *part->volume));
        }
      }
    }
    for (const auto module : lvm_modules(volume))
      (void)parts_.modules.load(module);
    const std::string name = lvm_mapper_name(group.name, volume.name);
    TRY_ASSIGN(device, create_mapping(system, name, uuid_of(group, volume),
                                      lvm_table(group, stack, volume)));
    made_.push_back(name);
    if (is_raid(volume)) (void)send_to_mapping(system, name, "frozen");
    if (is_thin_pool(volume)) {
      TRY_ASSIGN(status, mapping_status(system, name));
      const std::string why = thin_pool_refusal(status, volume.segments[0].id);
      if (!why.empty()) return fail(ErrorKind::kRefused, "thin pool " + volume.name + " " + why);
    }
    TRY_ASSIGN(number, system.read_file("/sys/class/block/" + device + "/dev", kMaxNumber));
    for (auto& part : stack.parts)
      if (part.volume == &volume) part.device = trim(number);
    return device;
  }

  static std::string uuid_of(const LvmGroup& group, const LvmVolume& volume) {
    return "LVM-" + group.uuid + volume.uuid;
  }

  LayerParts parts_;
  std::vector<LvmDevice> pvs_;
  std::vector<Group> groups_;
  std::set<std::string> done_;     // UUIDs of what was tried
  std::vector<std::string> made_;  // mappings of the volume that is being made
  bool changed_ = false;
  bool late_ = false;
  std::string waiting_;  // for
  std::string failed_;   // and will not be tried again
};

}  // namespace

std::unique_ptr<Layer> lvm_layer(LayerParts parts) {
  return std::make_unique<LvmLayer>(std::move(parts));
}

}  // namespace mkcapture::init
