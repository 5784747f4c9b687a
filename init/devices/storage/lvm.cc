#include "init/devices/storage/lvm.h"

#include <algorithm>
#include <set>

#include "init/contract/lvm_metadata.h"
#include "init/devices/storage/device_mapper.h"

namespace mkcapture::init {
namespace {

constexpr std::size_t kUuid = 32;
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
      parts_.system.log(member.name + " is the same PV as " + known.name + ", which is taken");
      return;
    }
    pvs_.push_back({pv->uuid, member.name, member.number});
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

  bool bring_up(bool) override {
    if (!changed_) return false;
    changed_ = false;
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
  struct Pv {
    std::string uuid;
    std::string name;
    std::string number;
  };
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
      if (volume.visible && done_.size() < kMaxVolumes) made |= bring_up(group, volume);
    }
    return made;
  }

  bool bring_up(const LvmGroup& group, const LvmVolume& volume) {
    const std::string uuid = "LVM-" + group.uuid + volume.uuid;
    if (done_.count(uuid) != 0) return false;
    if (auto why = lvm_refusal(group, volume); !why.empty()) {
      wait_for(why);
      return false;
    }
    const auto needed = lvm_pvs(group, volume);
    std::string missing;
    std::size_t there = 0;
    for (const auto* pv : needed) {
      if (!number_of(*pv).empty()) {
        ++there;
      } else {
        missing += (missing.empty() ? "" : ", ") + pv->uuid;
      }
    }
    const std::string name = group.name + "/" + volume.name;
    if (!missing.empty()) {
      wait_for(name + " has " + std::to_string(there) + " of its " + std::to_string(needed.size()) +
               " PVs, not " + missing);
      return false;
    }
    done_.insert(uuid);
    (void)parts_.modules.load("dm_mod");
    const auto device =
        create_mapping(parts_.system, lvm_mapper_name(group.name, volume.name), uuid,
                       lvm_table(group, volume, [&](const auto& pv) { return number_of(pv); }));
    if (!device) {
      parts_.system.log(device.error().message);
      failed_ += (failed_.empty() ? "" : "; ") + name + ": " + device.error().message;
      return false;
    }
    parts_.system.log("LVM volume " + name + " is " + *device + ", by metadata " +
                      std::to_string(group.seqno));
    return true;
  }

  std::string number_of(const LvmGroup::Pv& wanted) const {
    for (const auto& pv : pvs_) {
      if (pv.uuid == wanted.uuid) return pv.number;
    }
    return {};
  }

  LayerParts parts_;
  std::vector<Pv> pvs_;
  std::vector<Group> groups_;
  std::set<std::string> done_;  // UUIDs of what was tried
  bool changed_ = false;
  std::string waiting_;  // for
  std::string failed_;   // and will not be tried again
};

}  // namespace

std::unique_ptr<Layer> lvm_layer(LayerParts parts) {
  return std::make_unique<LvmLayer>(std::move(parts));
}

}  // namespace mkcapture::init
