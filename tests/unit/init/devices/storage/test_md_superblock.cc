#include <doctest/doctest.h>

#include "init/devices/storage/md_superblock.h"
#include "tests/fakes/fake_storage.h"

using namespace mkcapture;
using namespace mkcapture::init;

namespace {

Result<MdSuperblock> read(const std::string& disk) {
  return read_md_superblock(
      [&](std::uint64_t offset, std::size_t bytes) -> Result<std::string> {
        if (offset >= disk.size()) return std::string();
        return disk.substr(static_cast<std::size_t>(offset), bytes);
      },
      disk.size());
}

bool enough(int level, unsigned disks, std::vector<bool> there, unsigned layout = 0) {
  MdSuperblock array;
  array.level = level;
  array.raid_disks = disks;
  array.layout = layout;
  return md_is_enough(array, there);
}

}  // namespace

TEST_CASE("md: every version is found where it lies") {
  for (const int minor : {0, 1, 2, 90}) {
    CAPTURE(minor);
    MdDisk disk;
    disk.major = minor == 90 ? 0 : 1;
    disk.minor = minor;
    disk.level = 5;
    disk.raid_disks = 3;
    disk.role = 2;
    disk.roles = {0, 0xfffe, 2};
    disk.clean = false;
    const auto found = read(md_disk(disk, (1 << 20) + 3584));
    REQUIRE(found.ok());
    CHECK(found->major == disk.major);
    CHECK(found->minor == minor);
    CHECK(found->level == 5);
    CHECK(found->raid_disks == 3);
    CHECK(found->events == 10);
    CHECK(found->role == 2);
    CHECK(!found->clean);
    CHECK(found->in_sync);
    CHECK(found->refused.empty());
    CHECK(found->active == std::vector<bool>{true, false, true});
  }
}

TEST_CASE("md: a spare, a member being rebuilt, features that are refused") {
  MdDisk disk;
  disk.role = 0xffff;
  CHECK(read(md_disk(disk))->role == -1);
  disk.role = 1;
  disk.features = 2;
  CHECK(!read(md_disk(disk))->in_sync);
  for (const auto& [feature, why] : std::vector<std::pair<unsigned, std::string>>{
           {4, "is being reshaped"},
           {256, "is a cluster's"},
           {512, "has a write journal"},
           {1 << 20, "has features that are not known"}}) {
    disk.features = feature;
    CHECK(read(md_disk(disk))->refused == why);
  }
}

TEST_CASE("md: nothing with a wrong checksum, place, level or size is taken") {
  const std::string none = "no md superblock with a right checksum and a known level";
  std::string disk = md_disk({});
  disk[4096 + 92] ^= 1;
  CHECK(read(disk).error().message == none);
  disk = md_disk({});
  CHECK(read(disk.substr(4096)).error().message == none);  // as if it were of version 1.1
  MdDisk odd;
  odd.level = 7;
  CHECK(read(md_disk(odd)).error().message == none);
  odd = {};
  odd.raid_disks = 0;
  CHECK(read(md_disk(odd)).error().message == none);
  odd.raid_disks = 4000;
  odd.roles = {0, 1};
  CHECK(read(md_disk(odd)).error().message == none);
  CHECK(read("").error().message == none);
}

TEST_CASE("md: how many members are enough") {
  CHECK(!enough(0, 2, {true, false}));
  CHECK(!enough(-1, 2, {true, false}));
  CHECK(enough(0, 2, {true, true}));
  CHECK(enough(1, 3, {false, false, true}));
  CHECK(!enough(1, 3, {false, false, false}));
  CHECK(enough(5, 3, {true, false, true}));
  CHECK(!enough(4, 3, {true, false, false}));
  CHECK(enough(6, 4, {true, false, false, true}));
  CHECK(!enough(6, 4, {true, false, false, false}));
  // raid10, two near copies (0x102): of disks 0 and 1 one, of 2 and 3 one.
  CHECK(enough(10, 4, {true, false, false, true}, 0x102));
  CHECK(!enough(10, 4, {true, true, false, false}, 0x102));
  // Two far copies (0x201): no two neighbours may be missing.
  CHECK(enough(10, 4, {true, false, true, false}, 0x201));
  CHECK(!enough(10, 4, {true, false, false, true}, 0x201));
  CHECK(!enough(10, 2, {true, true}, 0));  // a layout without copies
}
