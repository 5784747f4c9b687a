// What an LVM volume stands on, by its group's metadata: PVs, or other volumes that do (the legs of
// a RAID, a thin pool and its two parts), whether it can be brought up, and its device-mapper
// table. Pure. Shared by the builder, which refuses by it, and /init, which brings it up.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "init/contract/lvm_metadata.h"

namespace mkcapture {

/// A line of a device-mapper table, in sectors of 512 bytes.
struct DmTarget {
  std::uint64_t start = 0;
  std::uint64_t sectors = 0;
  std::string type;
  std::string parameters;
};

enum class LvmHealth { kBroken, kDegraded, kWhole };

struct LvmPart {
  const LvmVolume* volume = nullptr;
  LvmHealth health = LvmHealth::kBroken;
  std::string device = {};  // number of its device once it is brought up: "253:1"
};

/// A PV that is there, and the number of its device ("8:2").
struct LvmDevice {
  std::string uuid;
  std::string number;
};

/// PVs and parts are few: found by name, one after the other.
struct LvmStack {
  struct Pv {
    const LvmGroup::Pv* pv = nullptr;
    std::string device = {};  // its number ("8:2"); empty: it is not there
  };
  std::vector<Pv> pvs;         // each once
  std::vector<LvmPart> parts;  // each once, behind those that it stands on; the volume is the last
  /// Why no capture image can bring it up, whatever is there: "vg0/var is of type cache, ..."
  std::string refused;

  [[nodiscard]] LvmHealth health() const {
    return parts.empty() ? LvmHealth::kBroken : parts.back().health;
  }
  [[nodiscard]] const LvmPart* part(std::string_view name) const;
};

/// `there`: the PVs that are; null for all. One that the metadata calls missing holds old data and
/// counts as not there. Loops and the number of parts are bounded.
[[nodiscard]] LvmStack lvm_stack(const LvmGroup& group, const LvmVolume& volume,
                                 const std::vector<LvmDevice>* there);

/// Why this volume cannot be brought up by a capture image on a machine where all PVs are that the
/// metadata does not call missing; empty where it can.
[[nodiscard]] std::string lvm_refusal(const LvmGroup& group, const LvmVolume& volume);

/// The table of a part of a stack, with the devices of what it stands on; legs of a RAID without
/// one are left out.
[[nodiscard]] std::vector<DmTarget> lvm_table(const LvmGroup& group, const LvmStack& stack,
                                              const LvmVolume& volume);

/// The modules that a part takes: "dm_mod" for most; "raid1" and "dm_raid".
[[nodiscard]] std::vector<std::string_view> lvm_modules(const LvmVolume& volume);

[[nodiscard]] inline bool is_thin_pool(const LvmVolume& volume) {
  return !volume.segments.empty() && volume.segments[0].type == "thin-pool";
}
[[nodiscard]] inline bool is_raid(const LvmVolume& volume) {
  return !volume.segments.empty() && volume.segments[0].type.starts_with("raid");
}

/// Why a thin pool is not to be written to, by what device-mapper's status says of it (kernel:
/// thin-provisioning.rst): the transaction of its metadata, use above 90 %, an error. Empty: it is.
[[nodiscard]] std::string thin_pool_refusal(std::string_view status, std::uint64_t transaction);

}  // namespace mkcapture
