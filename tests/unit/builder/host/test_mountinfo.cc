#include <doctest/doctest.h>

#include "builder/host/mountinfo.h"

using namespace mkcapture;

namespace {

constexpr const char* kText =
    "22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw\n"
    "40 22 254:2 / /var rw shared:7 master:1 - xfs /dev/vda2 rw\n"
    "41 40 0:44 /@log /var/log rw - btrfs /dev/vdb1 rw,subvol=/@log\n"
    "42 22 254:1 /srv/my\\040data /mnt/bind rw - ext4 /dev/vda1 rw\n"
    "43 22 0:50 / /home rw - nfs4 server:/export/home rw\n"
    "nonsense\n";

std::string inner_path(const std::string& path) {
  const auto mounts = parse_mountinfo(kText);
  const Mount* mount = mount_of(mounts, path);
  REQUIRE(mount != nullptr);
  return mount->source + " " + path_in_filesystem(*mount, path);
}

}  // namespace

TEST_CASE("mountinfo: lines with and without optional fields") {
  const auto mounts = parse_mountinfo(kText);
  REQUIRE(mounts.size() == 5);
  CHECK(mounts[0].device == DeviceNumber{254, 1});
  CHECK(mounts[1].type == "xfs");
  CHECK(mounts[2].root == "/@log");
  CHECK(mounts[3].root == "/srv/my data");
  CHECK(mounts[4].source == "server:/export/home");
}

TEST_CASE("mountinfo: the path within the file system") {
  CHECK(inner_path("/") == "/dev/vda1 /");
  CHECK(inner_path("/srv") == "/dev/vda1 /srv");
  CHECK(inner_path("/var/crash") == "/dev/vda2 /crash");
  CHECK(inner_path("/var") == "/dev/vda2 /");
  CHECK(inner_path("/various") == "/dev/vda1 /various");
}

TEST_CASE("mountinfo: subvolumes and bind mounts lie deeper than the mount point says") {
  CHECK(inner_path("/var/log/x") == "/dev/vdb1 /@log/x");
  CHECK(inner_path("/mnt/bind/x") == "/dev/vda1 /srv/my data/x");
}

TEST_CASE("mountinfo: of two mounts on one point the later one is seen") {
  const auto mounts =
      parse_mountinfo("1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 8:2 / / rw - xfs /dev/sda2 rw\n");
  CHECK(mount_of(mounts, "/x")->source == "/dev/sda2");
}

TEST_CASE("mountinfo: nothing holds a path") {
  CHECK(mount_of({}, "/x") == nullptr);
}
