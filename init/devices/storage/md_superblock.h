// Superblocks of md arrays: 0.90, 1.0, 1.1 and 1.2 (linux/raid/md_p.h). Pure; the bytes come from a
// disk and are trusted in nothing.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "init/contract/lvm_metadata.h"  // ReadAt

namespace mkcapture::init {

struct MdSuperblock {
  int major = 1;  // as SET_ARRAY_INFO wants them: 1 and 0 to 2, or 0 and 90
  int minor = 2;
  int level = 0;  // -1: linear
  std::uint32_t layout = 0;
  unsigned raid_disks = 0;
  std::uint64_t events = 0;
  std::uint64_t created = 0;
  bool clean = false;        // no resync is outstanding
  int role = -1;             // of this member, in 0..raid_disks-1; -1: a spare, a faulty one, ...
  bool in_sync = true;       // false: being rebuilt
  std::vector<bool> active;  // by role: what the array had when this was written
  std::string refused;       // why /init leaves such an array alone: "is being reshaped"
};

/// The superblock of a member of `bytes` bytes: of those whose checksum is right the newest
/// array's. Every role is below raid_disks, which is at most 1920, and the level one that exists.
[[nodiscard]] Result<MdSuperblock> read_md_superblock(const ReadAt& read, std::uint64_t bytes);

/// "raid5": as sysfs calls the level; empty for one that there is none of.
[[nodiscard]] std::string_view md_level_name(int level);

/// Whether an array works with the members that are there (by role). A parity array that is not
/// clean works, too: start_dirty_degraded.
[[nodiscard]] bool md_is_enough(const MdSuperblock& array, const std::vector<bool>& there);

}  // namespace mkcapture::init
