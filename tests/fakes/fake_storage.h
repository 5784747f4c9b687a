// The kernel's device-mapper and md for a FakeSystem: what the ioctls make appears in its /sys, and
// a test reads back tables and members.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "tests/fakes/fake_system.h"

namespace mkcapture::init {

/// What md superblocks of the tests say; all else is as mdadm makes it.
struct MdDisk {
  int major = 1;
  int minor = 2;  // 0 to 2; with major 0 it is 0.90
  int level = 1;
  unsigned raid_disks = 2;
  unsigned role = 0;            // 0xffff: a spare
  std::vector<unsigned> roles;  // of the array's disks; by itself 0..raid_disks-1
  std::uint64_t events = 10;
  bool clean = true;
  unsigned layout = 0;
  unsigned features = 0;
};
/// A disk of `bytes` bytes with such a superblock, its checksum right.
[[nodiscard]] std::string md_disk(const MdDisk& disk, std::size_t bytes = 1 << 20);

class FakeStorage {
 public:
  explicit FakeStorage(FakeSystem& system);

  /// A disk in /sys and /dev; number "8:N".
  void add_disk(const std::string& name, int minor, std::string content);

  // What was made, as text: "START LEN TYPE PARAMETERS", by the mapping's name; members by number
  // and the version, by the array's name.
  std::map<std::string, std::vector<std::string>> tables;
  std::map<std::string, std::vector<std::string>> arrays;
  /// errno of RUN_ARRAY; 0: it runs.
  int run_error = 0;
  /// errno of DM_TABLE_LOAD.
  int table_error = 0;
  /// The mapping whose table is not taken (EINVAL).
  std::string table_error_of;
  /// What DM_TABLE_STATUS answers, by the mapping's name.
  std::map<std::string, std::string> statuses;

 private:
  Status device_mapper(unsigned long request, void* data);
  Status md(const std::string& name, unsigned long request, void* data);

  FakeSystem& system_;
  std::vector<std::string> mappings_;  // by minor number
};

}  // namespace mkcapture::init
