#include <doctest/doctest.h>

#include <cerrno>

#include "init/devices/device_finder.h"
#include "init/targets/disk_target.h"
#include "tests/fakes/fake_system.h"

using namespace mkcapture;
using namespace mkcapture::init;
using By = DeviceName::By;

namespace {

class FakeProber final : public BlockProber {
 public:
  std::map<std::string, BlockIdentity> content;
  std::map<std::string, int> errors;
  std::vector<std::string> probed;
  Result<BlockIdentity> probe(const std::string& path, Tables tables) override {
    probed.push_back(path + (tables == Tables::kRead ? " with tables" : ""));
    if (errors.count(path) != 0) return sys_error(path, errors[path]);
    return content[path];
  }
};

void add_disk(FakeSystem& system, const std::string& name, std::uint64_t sectors = 2048) {
  system.files["/sys/class/block/" + name + "/size"] = std::to_string(sectors) + "\n";
}

Uevent block_event(const std::string& name) {
  return {"add", "/devices/x/block/" + name, {{"SUBSYSTEM", "block"}, {"DEVNAME", name}}};
}

struct Machine {
  Machine() {
    add_disk(system, "vda");
    add_disk(system, "vda1", 1024);
    add_disk(system, "sr0", 0);
    prober.content["/dev/vda1"] = {"ext4", "filesystem", "12ab-cd", "root", "9F-1", "boot part"};
  }
  Result<BlockDevice> find(By by, const std::string& value, Milliseconds limit) {
    DeviceFinder finder(system, prober, {by, value},
                        [this](const Uevent& e) { seen.push_back(e); });
    return finder.wait(Deadline(system, limit));
  }
  FakeSystem system;
  FakeProber prober;
  std::vector<Uevent> seen;
};

}  // namespace

TEST_CASE("devices: found at once by every name") {
  Machine m;
  for (const auto& [by, value] :
       std::vector<std::pair<By, std::string>>{{By::kPath, "/dev/vda1"},
                                               {By::kUuid, "12AB-CD"},
                                               {By::kLabel, "root"},
                                               {By::kPartUuid, "9f-1"},
                                               {By::kPartLabel, "boot part"},
                                               {By::kPath, "/dev/disk/by-uuid/12ab-cd"},
                                               {By::kPath, "/dev/disk/by-label/root"}}) {
    CAPTURE(value);
    const auto device = m.find(by, value, Milliseconds(10));
    REQUIRE(device.ok());
    CHECK(device->path == "/dev/vda1");
    CHECK(device->bytes == 1024 * 512);
    CHECK(device->identity.type == "ext4");
  }
  CHECK(m.system.now() == Milliseconds(0));
}

TEST_CASE("devices: what holds partitions is looked at only by its own name") {
  Machine m;
  m.system.files["/sys/class/block/vda/vda1/partition"] = "1\n";
  add_disk(m.system, "vdaa");  // another disk, whose name begins alike
  SUBCASE("by another name") {
    REQUIRE(m.find(By::kLabel, "root", Milliseconds(10)).ok());
    CHECK(m.prober.probed == std::vector<std::string>{"/dev/vda1", "/dev/vdaa"});
  }
  SUBCASE("by the partition's own: its entry is read") {
    REQUIRE(m.find(By::kPartUuid, "9f-1", Milliseconds(10)).ok());
    CHECK(m.prober.probed ==
          std::vector<std::string>{"/dev/vda1 with tables", "/dev/vdaa with tables"});
  }
  SUBCASE("by its own name") {
    REQUIRE(m.find(By::kPath, "/dev/vda", Milliseconds(10)).ok());
    CHECK(m.prober.probed ==
          std::vector<std::string>{"/dev/vda with tables", "/dev/vda1", "/dev/vdaa"});
  }
}

TEST_CASE("devices: one that appears later is found at its event, not at the next second") {
  Machine m;
  m.prober.content["/dev/sdb"] = {"xfs", "filesystem", "u", "crash", "", ""};
  m.system.add_uevent(Milliseconds(100), {"add", "/devices/usb1", {{"MODALIAS", "usb:v1"}}});
  m.system.at(Milliseconds(2300), [](FakeSystem& s) { add_disk(s, "sdb"); });
  m.system.add_uevent(Milliseconds(2300), block_event("sdb"));
  const auto device = m.find(By::kLabel, "crash", Milliseconds(60'000));
  REQUIRE(device.ok());
  CHECK(device->name == "sdb");
  CHECK(m.system.now() == Milliseconds(2300));
  REQUIRE(m.seen.size() == 2);
  CHECK(m.seen[0].get("MODALIAS") == "usb:v1");
}

TEST_CASE("devices: one whose event was lost is found by the second") {
  Machine m;
  m.prober.content["/dev/sdb"] = {"xfs", "filesystem", "u", "crash", "", ""};
  m.system.at(Milliseconds(2300), [](FakeSystem& s) { add_disk(s, "sdb"); });
  const auto device = m.find(By::kLabel, "crash", Milliseconds(60'000));
  REQUIRE(device.ok());
  CHECK(m.system.now() == Milliseconds(3000));
  // Each once, however often the scan comes by.
  CHECK(m.prober.probed == std::vector<std::string>{"/dev/vda", "/dev/vda1", "/dev/sdb"});
}

TEST_CASE("devices: other events do not keep the scan from happening") {
  Machine m;
  m.prober.content["/dev/sdb"] = {"xfs", "filesystem", "u", "crash", "", ""};
  for (int i = 1; i < 100; ++i) {
    m.system.add_uevent(Milliseconds(i * 100), {"change", "/devices/noise", {}});
  }
  m.system.at(Milliseconds(500), [](FakeSystem& s) { add_disk(s, "sdb"); });
  REQUIRE(m.find(By::kLabel, "crash", Milliseconds(60'000)).ok());
  CHECK(m.system.now() == Milliseconds(1000));
}

TEST_CASE("devices: the limit is kept, and the error lists what there is") {
  Machine m;
  add_disk(m.system, "sdc");
  m.prober.errors["/dev/sdc"] = EIO;
  const auto device = m.find(By::kLabel, "crash", Milliseconds(5'500));
  REQUIRE_FALSE(device.ok());
  CHECK(m.system.now() == Milliseconds(5'500));
  CHECK(device.error().message ==
        "no device with LABEL=crash after 5s500ms; there are vda, vda1 (ext4, LABEL=root), "
        "sdc (/dev/sdc: Input/output error)");
  Machine empty;
  empty.system.files.clear();
  CHECK(empty.find(By::kLabel, "crash", Milliseconds(1)).error().message ==
        "no device with LABEL=crash after 1ms; there is no block device at all");
}

TEST_CASE("devices: a RAID member is no file system, two matches are told") {
  Machine m;
  add_disk(m.system, "sda");
  add_disk(m.system, "sdb");
  add_disk(m.system, "sdc");
  m.prober.content["/dev/sda"] = {"linux_raid_member", "raid", "U1", "crash", "", ""};
  m.prober.content["/dev/sdb"] = {"ext4", "filesystem", "U2", "crash", "", ""};
  m.prober.content["/dev/sdc"] = {"ext4", "filesystem", "U3", "crash", "", ""};
  CHECK(m.find(By::kLabel, "crash", Milliseconds(10))->name == "sdb");
  CHECK(m.system.logged("LABEL=crash is on sdc, too: sdb is taken"));
}

TEST_CASE("mount plan: type, modules, and what the image lacks") {
  auto config = *parse_config("filesystem=ext4:jbd2,ext4\nfilesystem=vfat:fat,vfat\n");
  const auto plan = [&](const std::string& type, const std::string& usage = "filesystem",
                        std::string_view builtin = "nodev\tproc\n\txfs\n") {
    return plan_mount({"vda1", "/dev/vda1", 1, {type, usage, "", "", "", ""}}, config, builtin);
  };
  CHECK(plan("ext4")->type == "ext4");
  CHECK(plan("ext4")->modules == std::vector<std::string>{"jbd2", "ext4"});
  CHECK(plan("ext2")->type == "ext4");
  CHECK(plan("ext3")->modules.size() == 2);
  CHECK(plan("vfat")->data == "umask=0077");
  CHECK(plan("xfs")->modules.empty());
  CHECK(plan("btrfs").error().message ==
        "/dev/vda1 holds btrfs, which this image cannot mount (it can mount ext4, vfat)");
  CHECK(plan("").error().message == "there is no file system on /dev/vda1");
  CHECK(plan("crypto_LUKS", "crypto").error().message ==
        "/dev/vda1 holds crypto_LUKS, not a file system");
}
