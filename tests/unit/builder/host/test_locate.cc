#include <doctest/doctest.h>

#include "builder/host/locate.h"
#include "tests/fakes/fake_host.h"

using namespace mkcapture;
using fakes::FakeHost;
using mkcapture::DeviceName;

namespace {

std::string default_of(FakeHost& host) {
  const auto target = default_target(host);
  if (!target) CHECK(is_usage_error(target.error()));
  return target ? to_string(*target) : target.error().message;
}

}  // namespace

TEST_CASE("locate: by path, and by probing where udev made no links") {
  FakeHost host = fakes::virtual_machine();
  CHECK(locate(host, {DeviceName::By::kPath, "/dev/vda1"})->tags.uuid == fakes::kRootUuid);
  CHECK(locate(host, {DeviceName::By::kUuid, fakes::kRootUuid})->node == "/dev/vda1");
  CHECK(locate(host, {DeviceName::By::kLabel, "root"})->node == "/dev/vda1");
  CHECK(locate(host, {DeviceName::By::kPartUuid, "aaaa-02"})->node == "/dev/vda2");
  CHECK(locate(host, {DeviceName::By::kPartLabel, "dump"})->node == "/dev/vda2");
  CHECK(!locate(host, {DeviceName::By::kUuid, "no-such"}));
  CHECK(!locate(host, {DeviceName::By::kPath, "/dev/vdz"}));
}

TEST_CASE("locate: a mirror shows the same file system as its legs, and is what is meant") {
  FakeHost host = fakes::virtual_machine();
  const BlockTags tags{"ext4", "both", "", "", ""};
  host.add_block("/sys/devices/virtual/block/dm-0", {253, 0}, tags);
  host.add_block("/sys/devices/virtual/block/dm-1", {253, 1}, tags);
  host.files["/sys/devices/virtual/block/dm-0/holders/dm-1/dev"] = "253:1\n";
  CHECK(locate(host, {DeviceName::By::kUuid, "both"})->node == "/dev/dm-1");
  host.files["/sys/devices/virtual/block/dm-1/holders/dm-2/dev"] = "253:2\n";
  CHECK(locate(host, {DeviceName::By::kUuid, "both"})->node == "/dev/dm-0");
}

TEST_CASE("locate: udev's links, with its way of writing odd characters") {
  FakeHost host = fakes::virtual_machine();
  host.tags.clear();  // not root: nothing can be probed
  host.links["/dev/disk/by-uuid/" + std::string(fakes::kRootUuid)] = "/dev/vda1";
  host.links["/dev/disk/by-label/my\\x20disk"] = "/dev/vda1";
  CHECK(locate(host, {DeviceName::By::kLabel, "my disk"})->node == "/dev/vda1");
  const auto device = describe_device(host, {254, 1});
  CHECK(device.tags.uuid == fakes::kRootUuid);
  CHECK(device.tags.type == "ext4");  // from the mount
}

TEST_CASE("locate: a UUID in another case, with udev's links and without") {
  FakeHost host = fakes::virtual_machine();
  host.tags["/dev/vda2"] = {"ext4", "ab-cd", "", "AAAA-02", ""};
  CHECK(locate(host, {DeviceName::By::kUuid, "AB-CD"})->node == "/dev/vda2");
  CHECK(locate(host, {DeviceName::By::kPartUuid, "aaaa-02"})->node == "/dev/vda2");
  CHECK(!locate(host, {DeviceName::By::kLabel, "ROOT"}));
  host.tags.clear();
  host.links["/dev/disk/by-uuid/ab-cd"] = "/dev/vda2";
  CHECK(locate(host, {DeviceName::By::kUuid, "AB-CD"})->node == "/dev/vda2");
}

TEST_CASE("locate: a name that /sys writes with '!'") {
  FakeHost host;
  host.add_block("/sys/devices/pci0000:00/0000:00:03.0/cciss0/c0d0/block/cciss!c0d0", {104, 0});
  host.nodes["/dev/cciss/c0d0"] = {104, 0};
  host.tags["/dev/cciss/c0d0"] = {"xfs", "old-uuid", "", "", ""};
  const auto device = locate(host, {DeviceName::By::kPath, "/dev/cciss/c0d0"});
  REQUIRE(device);
  CHECK(device->node == "/dev/cciss/c0d0");
  CHECK(device->tags.uuid == "old-uuid");
}

TEST_CASE("default target: /var/crash on the root file system") {
  FakeHost host = fakes::virtual_machine();
  CHECK(default_of(host) == "disk:UUID=" + std::string(fakes::kRootUuid) + ":/var/crash");
}

TEST_CASE("default target: a partition of its own, whether or not the folder is there yet") {
  FakeHost host = fakes::virtual_machine();
  host.files.erase("/var/crash/kexec_cmd");
  host.files["/var/log/x"] = "";
  host.tags["/dev/vda2"] = {"xfs", "var-uuid", "", "", ""};
  host.files["/proc/self/mountinfo"] += "30 22 254:2 / /var rw - xfs /dev/vda2 rw\n";
  CHECK(default_of(host) == "disk:UUID=var-uuid:/crash");
}

TEST_CASE("default target: a link leads elsewhere") {
  FakeHost host = fakes::virtual_machine();
  host.files.erase("/var/crash/kexec_cmd");
  host.links["/var/crash"] = "/srv/crash";
  host.files["/srv/crash/x"] = "";
  CHECK(default_of(host) == "disk:UUID=" + std::string(fakes::kRootUuid) + ":/srv/crash");
}

TEST_CASE("default target: a btrfs subvolume, seen from the top") {
  FakeHost host = fakes::virtual_machine();
  host.tags["/dev/vda2"] = {"btrfs", "btrfs-uuid", "", "", ""};
  host.files["/proc/self/mountinfo"] += "30 22 0:30 /@var /var rw - btrfs /dev/vda2 rw\n";
  CHECK(default_of(host) == "disk:UUID=btrfs-uuid:/@var/crash");
}

TEST_CASE("default target: what cannot serve says what to pass") {
  FakeHost host = fakes::virtual_machine();
  SUBCASE("NFS") {
    host.files["/proc/self/mountinfo"] += "30 22 0:40 / /var rw - nfs4 server:/export/var rw\n";
    CHECK(default_of(host) ==
          "no --target given, and /var/crash is on NFS: pass --target "
          "nfs://server/export/var/crash");
  }
  SUBCASE("overlay") {
    host.files["/proc/self/mountinfo"] = "22 1 0:9 / / rw - overlay overlay rw\n";
    CHECK(default_of(host).find("it is on overlay (overlay); pass --target") != std::string::npos);
  }
  SUBCASE("LVM") {
    host.add_block("/sys/devices/virtual/block/dm-0", {253, 0});
    host.files["/sys/devices/virtual/block/dm-0/dm/uuid"] = "LVM-x\n";
    host.files["/sys/devices/virtual/block/dm-0/dm/name"] = "vg-var\n";
    host.files["/proc/self/mountinfo"] += "30 22 253:0 / /var rw - ext4 /dev/mapper/vg-var rw\n";
    CHECK(default_of(host).find("vg-var (dm-0) is an LVM volume") != std::string::npos);
  }
  SUBCASE("no UUID to be had") {
    host.tags.clear();
    CHECK(default_of(host).find("the UUID of /dev/vda1 cannot be read") != std::string::npos);
  }
}
