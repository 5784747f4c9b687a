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

/// A part of a volume: `count` extents of it, spread over `areas`.
struct LvmSegment {
  struct Area {
    std::string name;         // of a PV ("pv0": a key of the metadata) or of another volume
    std::uint64_t start = 0;  // in extents
    std::string meta;         // the volume with the metadata of this one: a RAID's, a thin pool's
  };
  std::uint64_t start = 0;  // in extents
  std::uint64_t count = 0;
  std::string type;  // "striped" (linear, too), "raid1", "thin", ...
  /// In sectors; of a thin pool its block. 0 where there is one area.
  std::uint64_t stripe_sectors = 0;
  std::uint64_t region_sectors = 0;  // of a RAID's bitmap
  std::uint64_t copies = 0;          // raid10
  std::uint64_t id = 0;              // thin: the device's in its pool; thin-pool: the transaction's
  bool zero_new = false;             // thin-pool
  std::vector<Area> areas;
  /// Volumes that a write to this segment's own, or to them, would spoil or be spoiled by: a
  /// snapshot's origin and its store, a thin volume's external origin.
  std::vector<std::string> entangled;
};

struct LvmVolume {
  std::string name;
  std::string uuid;
  bool visible = false;
  bool rebuilt = false;  // a RAID's leg that does not hold its data yet
  std::string refused;   // why it cannot be brought up, whatever its segments: "is locked"
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

/// The name that device-mapper has for a volume: "vg0-var", with each '-' of the parts doubled.
[[nodiscard]] std::string lvm_mapper_name(std::string_view group, std::string_view volume);

}  // namespace mkcapture
