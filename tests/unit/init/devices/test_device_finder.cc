#include <doctest/doctest.h>

#include <cerrno>

#include "init/devices/device_finder.h"
#include "init/targets/disk.h"
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
    system.files["/sys/class/block/vda1/partition"] = "1\n";
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
  for (const auto& [by, value] : std::vector<std::pair<By, std::string>>{
           {By::kPath, "/dev/vda1"},
           {By::kUuid, "12AB-CD"},
           {By::kLabel, "root"},
           {By::kPartUuid, "9f-1"},
           {By::kPartLabel, "boot part"},
           {By::kPath, "/dev/disk/by-uuid/12ab-cd"},
           {By::kPath, "/dev/disk/by-label/root"},
           {By::kPath, "/dev/disk/by-partlabel/boot\\x20part"}}) {
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
    CHECK(m.prober.probed == std::vector<std::string>{"/dev/vda1 with tables"});
  }
  SUBCASE("by its own name, and nothing else is probed") {
    REQUIRE(m.find(By::kPath, "/dev/vda", Milliseconds(10)).ok());
    CHECK(m.prober.probed == std::vector<std::string>{"/dev/vda with tables"});
  }
}

TEST_CASE("devices: what the kernel tells of a partition leaves the others unread") {
  Machine m;
  for (const char* name : {"vda2", "vda3"}) {
    add_disk(m.system, name, 512);
    m.system.files["/sys/class/block/" + std::string(name) + "/partition"] = "2\n";
  }
  m.system.files["/sys/class/block/vda1/uevent"] = "PARTN=1\nPARTNAME=boot part\nPARTUUID=9f-1\n";
  m.system.files["/sys/class/block/vda2/uevent"] = "PARTN=2\nPARTNAME=boot\nPARTUUID=9f-2\n";
  SUBCASE("its name") {
    REQUIRE(m.find(By::kPartLabel, "boot part", Milliseconds(10)).ok());
  }
  SUBCASE("its UUID") {
    REQUIRE(m.find(By::kPartUuid, "9F-1", Milliseconds(10)).ok());
  }
  CHECK(m.prober.probed ==
        std::vector<std::string>{"/dev/vda1 with tables", "/dev/vda3 with tables"});
}

TEST_CASE("devices: a disk that does not answer costs the wanted one nothing") {
  Machine m;
  add_disk(m.system, "sda");
  m.system.workers.push_back({{}, std::nullopt, false});  // sda, the first that is probed
  SUBCASE("which is found at once") {
    const auto device = m.find(By::kLabel, "root", Milliseconds(60'000));
    REQUIRE(device.ok());
    CHECK(device->name == "vda1");
    CHECK(m.system.now() < Milliseconds(5));
    CHECK(m.system.called("kill 100"));
  }
  SUBCASE("and is named where the wanted one is not there") {
    const auto device = m.find(By::kLabel, "crash", Milliseconds(3'000));
    REQUIRE_FALSE(device.ok());
    CHECK(device.error().kind == ErrorKind::kUnavailable);
    CHECK(device.error().message ==
          "no device with LABEL=crash after 3s; there are vda, vda1 (ext4, LABEL=root), "
          "sda (does not answer)");
  }
}

TEST_CASE("devices: a slow disk's answer is taken when it comes") {
  Machine m;
  add_disk(m.system, "sda");
  m.prober.content["/dev/sda"] = {"xfs", "filesystem", "u", "crash", "", ""};
  m.system.workers.push_back({{}, 0, true, Milliseconds(31'000)});
  const auto device = m.find(By::kLabel, "crash", Milliseconds(60'000));
  REQUIRE(device.ok());
  CHECK(m.system.now() >= Milliseconds(31'000));
  CHECK(m.system.now() < Milliseconds(31'600));
}

TEST_CASE("devices: a hundred disks that hang take neither all memory nor the wanted one's turn") {
  Machine m;
  for (int i = 100; i < 140; ++i) {
    add_disk(m.system, "sd" + std::to_string(i));
    m.system.workers.push_back({{}, std::nullopt, false});
  }
  const auto device = m.find(By::kLabel, "root", Milliseconds(60'000));
  REQUIRE(device.ok());
  CHECK(m.system.now() < Milliseconds(2'000));
}

TEST_CASE("devices: a probe that crashes or cannot be started is an answer") {
  Machine m;
  SUBCASE("crash") {
    m.system.workers.push_back({{}, 128 + 11});
    m.system.workers.push_back({{}, 128 + 11});
    CHECK(m.find(By::kLabel, "root", Milliseconds(10)).error().message ==
          "no device with LABEL=root after 10ms; there are vda (/dev/vda: the probe crashed), "
          "vda1 (/dev/vda1: the probe crashed)");
  }
  SUBCASE("no memory for a process") {
    m.system.errors["fork"] = ENOMEM;
    CHECK(m.find(By::kPath, "/dev/vda1", Milliseconds(10)).error().message ==
          "no device with /dev/vda1 after 10ms; there are vda, "
          "vda1 (/dev/vda1: fork: Cannot allocate memory)");
  }
}

namespace {

/// sda1 and sdb1, both with LABEL=crash.
struct TwoPaths : Machine {
  explicit TwoPaths(const std::string& wwid_of_b = "naa.5000") {
    for (const std::string disk : {"sda", "sdb"}) {
      add_disk(system, disk + "1", 1000);
      const std::string folder = "/sys/class/block/" + disk + "1/";
      system.files[folder + "partition"] = "1\n";
      system.files[folder + "../device/wwid"] = "naa.5000\n";
      prober.content["/dev/" + disk + "1"] = {"ext4", "filesystem", "U2", "crash", "9F-2", ""};
    }
    system.files["/sys/class/block/sdb1/../device/wwid"] = wwid_of_b + "\n";
  }
  DeviceFinder finder(By by, const std::string& value, std::vector<std::string> passed_over = {}) {
    return {system, prober, {by, value}, [](const Uevent&) {}, std::move(passed_over)};
  }
};

}  // namespace

TEST_CASE("devices: two paths to one disk") {
  TwoPaths m;
  SUBCASE("the first that answers is taken, the other is known") {
    auto finder = m.finder(By::kLabel, "crash");
    const auto device = finder.wait(Deadline(m.system, Milliseconds(10)));
    REQUIRE(device.ok());
    CHECK(device->name == "sda1");
    CHECK(finder.has_other_path(*device));
    CHECK(m.system.logged("sda1 and sdb1 are paths to one disk: sda1 is taken"));
  }
  SUBCASE("one whose read fails is passed over") {
    m.prober.errors["/dev/sda1"] = EIO;
    CHECK(m.find(By::kLabel, "crash", Milliseconds(10))->name == "sdb1");
  }
  SUBCASE("one that hangs is passed over") {
    m.system.workers.push_back({{}, std::nullopt, false});
    CHECK(m.find(By::kLabel, "crash", Milliseconds(10'000))->name == "sdb1");
    CHECK(m.system.now() < Milliseconds(5));
  }
  SUBCASE("a passive one comes after an active one") {
    m.system.files["/sys/class/block/sda1/../device/access_state"] = "standby\n";
    CHECK(m.find(By::kLabel, "crash", Milliseconds(10))->name == "sdb1");
  }
  SUBCASE("one that another try has failed on is not taken again") {
    auto finder = m.finder(By::kLabel, "crash", {"sda1"});
    const auto device = finder.wait(Deadline(m.system, Milliseconds(10)));
    REQUIRE(device.ok());
    CHECK(device->name == "sdb1");
    CHECK_FALSE(finder.has_other_path(*device));
  }
}

TEST_CASE("devices: what will be overwritten must be the only one of its name") {
  SUBCASE("two disks") {
    TwoPaths m("naa.6000");
    auto finder = m.finder(By::kPartUuid, "9f-2");
    const auto device = finder.wait_for_only(Deadline(m.system, Milliseconds(1'000)));
    REQUIRE_FALSE(device.ok());
    CHECK(device.error().kind == ErrorKind::kRefused);
    CHECK(device.error().message ==
          "PARTUUID=9f-2 is on sda1 and on sdb1: none of them is overwritten");
  }
  SUBCASE("the second answers late") {
    TwoPaths m("naa.6000");
    m.system.workers.push_back({{}, 0, true, Milliseconds(1)});
    m.system.workers.push_back({{}, 0, true, Milliseconds(3'000)});
    auto finder = m.finder(By::kPartUuid, "9f-2");
    CHECK_FALSE(finder.wait_for_only(Deadline(m.system, Milliseconds(60'000))).ok());
  }
  SUBCASE("two paths to one") {
    TwoPaths m;
    auto finder = m.finder(By::kPartUuid, "9f-2");
    CHECK(finder.wait_for_only(Deadline(m.system, Milliseconds(1'000))).ok());
  }
  SUBCASE("another one that never answers is not waited for without end") {
    TwoPaths m;
    m.system.workers.push_back({{}, 0, true, Milliseconds(1)});
    m.system.workers.push_back({{}, std::nullopt, false});
    auto finder = m.finder(By::kPartUuid, "9f-2");
    CHECK(finder.wait_for_only(Deadline(m.system, Milliseconds(60'000))).ok());
    CHECK(m.system.now() < Milliseconds(11'000));
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

TEST_CASE("devices: events from before the first look do not have it done again") {
  Machine m;
  for (const char* name : {"vda", "vda1"})
    m.system.add_uevent(Milliseconds(0), block_event(name));
  for (int probes = 0; probes < 4; ++probes)
    m.system.workers.push_back({{}, 0, true, Milliseconds(5)});
  REQUIRE(m.find(By::kLabel, "root", Milliseconds(1'000)).ok());
  CHECK(m.prober.probed == std::vector<std::string>{"/dev/vda", "/dev/vda1"});
  CHECK(m.system.now() < Milliseconds(10));
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
  config.filesystems.push_back({"btrfs", {"btrfs"}});
  CHECK(plan("btrfs")->data == "subvolid=5");
  config.filesystems.pop_back();
  CHECK(plan("xfs")->modules.empty());
  CHECK(plan("btrfs").error().message ==
        "/dev/vda1 holds btrfs, which this image cannot mount (it can mount ext4, vfat)");
  CHECK(plan("").error().message == "there is no file system on /dev/vda1");
  CHECK(plan("crypto_LUKS", "crypto").error().message ==
        "/dev/vda1 holds crypto_LUKS, not a file system");
}
