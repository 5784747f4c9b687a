#include "init/devices/storage/md_superblock.h"

#include <algorithm>
#include <optional>

#include "init/base/names.h"

namespace mkcapture::init {
namespace {

constexpr std::uint32_t kMagic = 0xa92b4efc;
constexpr std::size_t kBytes = 4096;  // of each superblock with its roles
constexpr std::uint64_t kSector = 512;
constexpr unsigned kMaxDisks = 1920;  // what 4096 bytes have roles for

// feature_map of version 1.
constexpr std::uint32_t kRecoveryOffset = 2;
constexpr std::uint32_t kReshapeActive = 4;
constexpr std::uint32_t kClustered = 256;
constexpr std::uint32_t kJournal = 512;
constexpr std::uint32_t kKnownFeatures = 0x1fff;

// Version 0.90, in words of 32 bits.
constexpr std::size_t kMaxDisks090 = 27;
constexpr std::size_t kDisks = 128;
constexpr std::size_t kDiskWords = 32;
constexpr std::size_t kThisDisk = 992;
constexpr std::uint32_t kActiveSync = 1 << 1 | 1 << 2;  // of a disk's state; faulty is bit 0

constexpr Name<int> kLevels[] = {{"linear", -1}, {"raid0", 0}, {"raid1", 1},  {"raid4", 4},
                                 {"raid5", 5},   {"raid6", 6}, {"raid10", 10}};

std::uint64_t number_at(std::string_view data, std::size_t at, std::size_t bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = bytes; i-- > 0;)
    value = value << 8 | static_cast<unsigned char>(data[at + i]);
  return value;
}
std::uint32_t u32(std::string_view data, std::size_t at) {
  return static_cast<std::uint32_t>(number_at(data, at, 4));
}
std::uint32_t word(std::string_view data, std::size_t n) {
  return u32(data, n * 4);
}

/// The sum of all words but the checksum itself, its upper half added to its lower.
std::uint32_t checksum(std::string_view data, std::size_t bytes, std::size_t sum_at) {
  std::uint64_t sum = 0;
  for (std::size_t at = 0; at + 4 <= bytes; at += 4) {
    if (at != sum_at) sum += u32(data, at);
  }
  if (bytes % 4 == 2) sum += number_at(data, bytes - 2, 2);
  return static_cast<std::uint32_t>(sum) + static_cast<std::uint32_t>(sum >> 32);
}

std::optional<MdSuperblock> parse_1(std::string_view data, int minor, std::uint64_t at) {
  if (u32(data, 0) != kMagic || u32(data, 4) != 1) return std::nullopt;
  const std::uint32_t max_dev = u32(data, 220);
  if (max_dev > kMaxDisks || number_at(data, 144, 8) * kSector != at) return std::nullopt;
  if (checksum(data, 256 + 2 * std::size_t{max_dev}, 216) != u32(data, 216)) return std::nullopt;
  const std::uint32_t features = u32(data, 8);
  MdSuperblock array;
  array.minor = minor;
  array.created = number_at(data, 64, 8) & 0xffffffffff;  // above: microseconds
  array.level = static_cast<int>(u32(data, 72));
  array.layout = u32(data, 76);
  array.raid_disks = u32(data, 92);
  array.events = number_at(data, 200, 8);
  array.clean = number_at(data, 208, 8) == ~std::uint64_t{0};
  array.in_sync = (features & kRecoveryOffset) == 0;
  if (array.raid_disks == 0 || array.raid_disks > kMaxDisks) return std::nullopt;
  array.active.resize(array.raid_disks);
  const auto role_of = [&](std::uint32_t disk) -> unsigned {
    return disk < max_dev ? static_cast<unsigned>(number_at(data, 256 + 2 * disk, 2)) : 0xffff;
  };
  for (std::uint32_t disk = 0; disk < max_dev; ++disk) {
    if (role_of(disk) < array.raid_disks) array.active[role_of(disk)] = true;
  }
  if (const unsigned role = role_of(u32(data, 160)); role < array.raid_disks) {
    array.role = static_cast<int>(role);
  }
  if ((features & kReshapeActive) != 0) array.refused = "is being reshaped";
  if ((features & kClustered) != 0) array.refused = "is a cluster's";
  if ((features & kJournal) != 0) array.refused = "has a write journal";
  if ((features & ~kKnownFeatures) != 0) array.refused = "has features that are not known";
  return array;
}

std::optional<MdSuperblock> parse_090(std::string_view data) {
  if (word(data, 0) != kMagic || word(data, 1) != 0) return std::nullopt;
  if (checksum(data, kBytes, 38 * sizeof(std::uint32_t)) != word(data, 38)) return std::nullopt;
  MdSuperblock array;
  array.major = 0;
  array.minor = 90;
  array.created = word(data, 6);
  array.level = static_cast<int>(word(data, 7));
  array.raid_disks = word(data, 10);
  array.clean = (word(data, 33) & 1) != 0;
  array.events = std::uint64_t{word(data, 40)} << 32 | word(data, 39);
  array.layout = word(data, 64);
  if (word(data, 2) > 90) array.refused = "is being reshaped";
  if (array.raid_disks == 0 || array.raid_disks > kMaxDisks090) return std::nullopt;
  array.active.resize(array.raid_disks);
  for (std::size_t disk = 0; disk < kMaxDisks090; ++disk) {
    const std::size_t at = kDisks + disk * kDiskWords;
    const std::uint32_t role = word(data, at + 3);
    if (role < array.raid_disks && (word(data, at + 4) & (kActiveSync | 1)) == kActiveSync)
      array.active[role] = true;
  }
  const std::uint32_t role = word(data, kThisDisk + 3);
  if (role < array.raid_disks && (word(data, kThisDisk + 4) & (kActiveSync | 1)) == kActiveSync)
    array.role = static_cast<int>(role);
  return array;
}

/// Each of the groups of copies that raid10's layout makes must have one member.
bool has_each_copy(const MdSuperblock& array, const std::vector<bool>& there) {
  const unsigned near = array.layout & 0xff;
  const unsigned copies = near * (array.layout >> 8 & 0xff);
  if (near == 0 || copies == 0) return false;
  for (unsigned first = 0, groups = 0; groups < array.raid_disks; ++groups) {
    bool found = false;
    for (unsigned n = 0; n < std::min(copies, array.raid_disks); ++n)
      found |= there[(first + n) % array.raid_disks];
    if (!found) return false;
    first = (first + near) % array.raid_disks;
    if (first == 0) break;
  }
  return true;
}

}  // namespace

std::string_view md_level_name(int level) {
  const auto name = name_of(kLevels, level);
  return name == "?" ? std::string_view() : name;
}

Result<MdSuperblock> read_md_superblock(const ReadAt& read, std::uint64_t bytes) {
  struct Place {
    int minor;
    std::uint64_t at;
  };
  constexpr std::uint64_t k64 = 64 << 10;
  const Place places[] = {
      {2, 4096},
      {1, 0},
      {0, bytes < 16 * kSector ? 0 : (bytes - 16 * kSector) / 4096 * 4096},
      {90, bytes < 2 * k64 ? 0 : bytes / k64 * k64 - k64},
  };
  std::optional<MdSuperblock> newest;
  for (const auto& [minor, at] : places) {
    const auto data = read(at, kBytes);
    if (!data || data->size() != kBytes) continue;
    auto found = minor == 90 ? parse_090(*data) : parse_1(*data, minor, at);
    if (!found || md_level_name(found->level).empty()) continue;
    if (!newest || newest->created < found->created) newest = std::move(found);
  }
  if (!newest) return fail("no md superblock with a right checksum and a known level");
  return *std::move(newest);
}

bool md_is_enough(const MdSuperblock& array, const std::vector<bool>& there) {
  const auto count = static_cast<unsigned>(std::count(there.begin(), there.end(), true));
  if (there.size() != array.raid_disks) return false;
  switch (array.level) {
    case 1:
      return count >= 1;
    case 4:
    case 5:
      return count + 1 >= array.raid_disks;
    case 6:
      return count + 2 >= array.raid_disks;
    case 10:
      return has_each_copy(array, there);
    default:
      return count == array.raid_disks;
  }
}

}  // namespace mkcapture::init
