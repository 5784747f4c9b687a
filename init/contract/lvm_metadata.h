// LVM2's metadata on disk (lvm2: lib/label/label.h, lib/format_text/layout.h, lib/misc/crc.c,
// lib/format_text/export.c): from a physical volume's bytes to what its volume group looks like.
// Pure; the bytes come from a disk and are trusted in nothing. Shared by the builder, which decides
// by it whether a volume can be brought up, and /init, which does so.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "init/base/result.h"

namespace mkcapture {

/// Reads `bytes` bytes at `offset` of one device; fewer at its end.
using ReadAt = std::function<Result<std::string>(std::uint64_t offset, std::size_t bytes)>;

/// UUIDs are 32 characters, without dashes.
struct LvmPv {
  std::string uuid;
  std::string text;  // of its newest metadata whose CRC is right; empty where it holds none
};

/// What a device holds that libblkid calls LVM2_member. An error where it has no label; a label
/// without readable metadata is a success, since another PV of the group may have it.
[[nodiscard]] Result<LvmPv> read_lvm_pv(const ReadAt& read);

/// A part of a volume: `count` extents of it, spread over `areas`, each a PV or another volume.
struct LvmSegment {
  struct Area {
    std::string name;         // "pv0": a key of the metadata; or a volume's name
    std::uint64_t start = 0;  // in extents
  };
  std::uint64_t start = 0;  // in extents
  std::uint64_t count = 0;
  std::string type;                  // "striped" (linear, too), "raid1", "thin", ...
  std::uint64_t stripe_sectors = 0;  // 0 where there is one area
  std::vector<Area> areas;
  /// Volumes that a write to this segment's own, or to them, would spoil or be spoiled by: a
  /// snapshot's origin and its store, a thin volume's external origin.
  std::vector<std::string> entangled;
};

struct LvmVolume {
  std::string name;
  std::string uuid;
  bool visible = false;
  std::string refused;  // why it cannot be brought up, whatever its segments: "is locked"
  std::vector<LvmSegment> segments;
};

struct LvmGroup {
  struct Pv {
    std::string name;  // "pv0"
    std::string uuid;
    std::uint64_t data_sector = 0;  // where its first extent begins
    bool missing = false;           // the metadata calls it so: what it holds is old
  };
  std::string name;
  std::string uuid;
  std::uint64_t seqno = 0;
  std::uint64_t extent_sectors = 0;
  std::string system_id;  // of the machine that owns it; mostly empty
  std::string refused;    // why none of its volumes can be brought up: "vg0 is exported"
  std::vector<Pv> pvs;
  std::vector<LvmVolume> volumes;

  [[nodiscard]] const LvmVolume* find(std::string_view volume_uuid) const;
  [[nodiscard]] const LvmVolume* named(std::string_view volume) const;
  [[nodiscard]] const Pv* pv(std::string_view key) const;
};

/// The group that a metadata text describes. An error for a text that is none or has impossible
/// numbers; every number that is returned can be multiplied by extent_sectors without overflow.
[[nodiscard]] Result<LvmGroup> parse_lvm_group(std::string_view text);

/// UUID and seqno alone.
struct LvmVersion {
  std::string uuid;
  std::uint64_t seqno = 0;
};
[[nodiscard]] std::optional<LvmVersion> lvm_version(std::string_view text);

/// Why this volume cannot be brought up by a capture image; empty where it can: linear and striped
/// segments, without a gap, on PVs that the metadata has.
[[nodiscard]] std::string lvm_refusal(const LvmGroup& group, const LvmVolume& volume);

/// The PVs that a volume lies on, each once.
[[nodiscard]] std::vector<const LvmGroup::Pv*> lvm_pvs(const LvmGroup& group,
                                                       const LvmVolume& volume);

/// A line of a device-mapper table, in sectors of 512 bytes.
struct DmTarget {
  std::uint64_t start = 0;
  std::uint64_t sectors = 0;
  std::string type;
  std::string parameters;
};
/// The table of a volume that lvm_refusal() has nothing against. `device_of` gives the device
/// number of a PV ("8:2").
[[nodiscard]] std::vector<DmTarget> lvm_table(
    const LvmGroup& group, const LvmVolume& volume,
    const std::function<std::string(const LvmGroup::Pv&)>& device_of);

/// The name that device-mapper has for a volume: "vg0-var", with each '-' of the parts doubled.
[[nodiscard]] std::string lvm_mapper_name(std::string_view group, std::string_view volume);

}  // namespace mkcapture
