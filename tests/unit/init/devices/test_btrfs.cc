#include <doctest/doctest.h>

#include <cerrno>
#include <set>

#include "init/devices/btrfs.h"
#include "tests/fakes/fake_system.h"

using namespace mkcapture;
using namespace mkcapture::init;

namespace {

/// A file system on three devices; `system` has those that are there.
class Pool final : public BlockProber {
 public:
  FakeSystem system;
  std::set<std::string> told;
  int refused = 0;

  void add(const std::string& name) {
    system.files["/sys/class/block/" + name + "/size"] = "2048\n";
  }
  Result<BlockIdentity> probe(const std::string& path, Tables) override {
    if (path == "/dev/vdz") return BlockIdentity{"ext4", "filesystem", "other", "", "", ""};
    return BlockIdentity{"btrfs", "filesystem", "pool", "", "", ""};
  }
  Status wait(Milliseconds limit) {
    DeviceFinder finder(system, *this, {DeviceName::By::kUuid, "pool"}, [](const Uevent&) {});
    return wait_for_btrfs(
        system, finder, {"vda", "/dev/vda", 1 << 20, {"btrfs", "filesystem", "pool", "", "", ""}},
        [this](const std::string& path) -> Result<bool> {
          if (refused != 0) return sys_error(path, refused);
          told.insert(path);
          return told.size() == 3;
        },
        Deadline(system, limit));
  }
};

}  // namespace

TEST_CASE("btrfs: on several devices, each is told of, other disks are not") {
  Pool pool;
  for (const char* name : {"vda", "vdb", "vdc", "vdz"})
    pool.add(name);
  CHECK(pool.wait(Milliseconds(1'000)).ok());
  CHECK(pool.told == std::set<std::string>{"/dev/vda", "/dev/vdb", "/dev/vdc"});
  CHECK(pool.system.now() == Milliseconds(0));
}

TEST_CASE("btrfs: a device that comes late is waited for") {
  Pool pool;
  pool.add("vda");
  pool.add("vdb");
  pool.system.at(Milliseconds(40'300), [&](FakeSystem&) { pool.add("vdc"); });
  CHECK(pool.wait(Milliseconds(60'000)).ok());
  CHECK(pool.system.now() < Milliseconds(42'000));
  CHECK(pool.system.logged("btrfs: more devices of UUID=pool are waited for"));
}

TEST_CASE("btrfs: one that does not come is said, within the limit") {
  Pool pool;
  pool.add("vda");
  pool.add("vdb");
  const auto status = pool.wait(Milliseconds(5'000));
  REQUIRE_FALSE(status.ok());
  CHECK(status.error().kind == ErrorKind::kUnavailable);
  CHECK(status.error().message ==
        "btrfs UUID=pool has devices that are not there; there are vda, vdb");
  CHECK(pool.system.now() == Milliseconds(5'000));
}

TEST_CASE("btrfs: a kernel that refuses the first device is an error at once") {
  Pool pool;
  pool.add("vda");
  pool.refused = ENOTTY;
  CHECK_FALSE(pool.wait(Milliseconds(5'000)).ok());
  CHECK(pool.system.now() == Milliseconds(0));
}
