// Layers brought up as their members appear: with the kernel's ioctls in a fake.
#include <doctest/doctest.h>

#include <cerrno>
#include <fstream>
#include <iterator>

#include "init/devices/storage/assemble.h"
#include "init/devices/storage/md.h"
#include "tests/fakes/fake_storage.h"
#include "tests/fakes/source_tree.h"

using namespace mkcapture;
using namespace mkcapture::init;
using By = DeviceName::By;

namespace {

class FakeProber final : public BlockProber {
 public:
  std::map<std::string, BlockIdentity> content;
  Result<BlockIdentity> probe(const std::string& path, Tables) override { return content[path]; }
};

std::string golden(const std::string& name) {
  std::ifstream file(fakes::source_path("tests/golden/lvm/" + name), std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

const std::string kVar =
    "lvm:JiceXPNcJViLDoMfEKcBbgHGYLavx9UdLyAMkZoAdfZtZHuPtQsFrhVbZMr49hQI:1:vg-0/var";
const std::string kArray = "0123456789abcdef0123456789abcdef";
const std::string kMd = "md:" + kArray + ":2:md0";

struct Machine {
  Machine() : storage(system) {
    for (const char* name : {"dm_mod", "md_mod", "raid1", "raid456"})
      system.files[std::string("/lib/modules/") + name + ".ko"] = "x";
    config.modules = {{"dm_mod", {}, "", "storage"},
                      {"md_mod", {}, "", "storage"},
                      {"raid1", {"md_mod"}, "", "storage"},
                      {"raid456", {"md_mod"}, "", "storage"}};
  }
  void add_pv(const std::string& name, int minor, const std::string& file) {
    storage.add_disk(name, minor, golden(file));
    prober.content["/dev/" + name] = {"LVM2_member", "raid", "pv-" + file, "", "", ""};
  }
  void add_member(const std::string& name, int minor, const MdDisk& disk) {
    storage.add_disk(name, minor, md_disk(disk));
    prober.content["/dev/" + name] = {
        "linux_raid_member", "raid", "01234567-89ab-cdef-0123-456789abcdef", "", "", ""};
  }
  void add_target(const std::string& device) {
    prober.content["/dev/" + device] = {"ext4", "filesystem", "wanted", "", "", ""};
  }
  Result<BlockDevice> find(const std::vector<std::string>& layers) {
    std::vector<StorageLayer> wanted;
    for (const auto& text : layers) {
      auto layer = parse_layer(text);
      REQUIRE(layer.ok());
      wanted.push_back(*layer);
    }
    ModuleLoader modules(system, config);
    StorageAssembler assembler(system, modules, wanted);
    DeviceFinder finder(system, prober, {By::kUuid, "wanted"}, [](const Uevent&) {});
    finder.assemble_by([&](const auto& devices,
                           const Deadline& deadline) { return assembler.step(devices, deadline); },
                       [&] { return assembler.waiting_for(); });
    return finder.wait(Deadline(system, Milliseconds(60'000)));
  }
  std::string failure(const std::vector<std::string>& layers) {
    auto found = find(layers);
    if (found) return "found " + found->name;
    const auto& why = found.error().message;
    const auto begin = why.find("; ") + 2;
    return why.substr(begin, why.find("; there ") - begin);
  }
  FakeSystem system;
  FakeStorage storage;
  FakeProber prober;
  CaptureConfig config;
};

}  // namespace

TEST_CASE("assemble: a volume on two PVs, as it was grown after the image was built") {
  Machine m;
  m.add_pv("sda", 1, "pv0");
  m.add_pv("vdb", 17, "pv1");
  m.add_target("dm-0");
  const auto device = m.find({kVar});
  REQUIRE(device.ok());
  CHECK(device->name == "dm-0");
  CHECK(m.system.loaded() == std::vector<std::string>{"dm_mod"});
  CHECK(m.system.now() == Milliseconds(0));
  REQUIRE(m.storage.tables.size() == 1);
  CHECK(m.storage.tables["vg--0-var"] ==
        std::vector<std::string>{"0 40960 linear 8:1 2048", "40960 79872 linear 8:1 51200",
                                 "120832 22528 linear 8:17 10240"});
  CHECK(m.system.logged("LVM volume vg-0/var is dm-0, by metadata 4"));
}

TEST_CASE("assemble: a PV that is late is waited for, one that never comes is named") {
  Machine m;
  m.add_pv("sda", 1, "pv0");
  m.add_target("dm-0");
  SUBCASE("late") {
    m.system.at(Milliseconds(45'300), [&](FakeSystem& s) {
      m.add_pv("vdb", 17, "pv1");
      (void)s;
    });
    const auto device = m.find({kVar});
    REQUIRE(device.ok());
    CHECK(m.system.now() < Milliseconds(46'400));
  }
  SUBCASE("never") {
    CHECK(m.failure({kVar}) == "vg-0/var has 1 of its 2 PVs, not xS0eTMY3nobSnJTAjc1HTPUg3CJN3ebk");
    CHECK(m.storage.tables.empty());
  }
  SUBCASE("none at all") {
    m.system.files.erase("/sys/class/block/sda/size");
    CHECK(m.failure({kVar}) == "no PV of vg-0/var was found");
  }
}

TEST_CASE("assemble: nothing is touched without a layer, and only what is named with one") {
  Machine m;
  m.add_pv("sda", 1, "pv0");
  m.add_pv("vdb", 17, "pv1");
  m.add_target("dm-0");
  SUBCASE("no layer") {
    CHECK(!m.find({}).ok());
    CHECK(m.storage.tables.empty());
    CHECK(m.system.loaded().empty());
  }
  SUBCASE("any volume") {
    REQUIRE(m.find({"lvm"}).ok());
    CHECK(m.storage.tables.size() == 2);
    CHECK(m.storage.tables["vg--0-strip"] ==
          std::vector<std::string>{"0 16384 striped 2 128 8:1 43008 8:17 2048"});
  }
  SUBCASE("one that is gone") {
    std::string other = kVar;
    other.replace(other.find("LyAMkZ"), 6, "aaaaaa");
    CHECK(m.failure({other}) == "vg-0 has no volume vg-0/var any more");
  }
}

TEST_CASE("assemble: a mapping of an earlier worker is used, a table that fails is said") {
  Machine m;
  m.add_pv("sda", 1, "pv0");
  m.add_pv("vdb", 17, "pv1");
  SUBCASE("there already") {
    m.system.files["/sys/class/block/dm-5/dm/uuid"] =
        "LVM-JiceXPNcJViLDoMfEKcBbgHGYLavx9UdLyAMkZoAdfZtZHuPtQsFrhVbZMr49hQI\n";
    m.system.files["/sys/class/block/dm-5/size"] = "2048\n";
    m.add_target("dm-5");
    REQUIRE(m.find({kVar}).ok());
    CHECK(m.storage.tables.empty());
  }
  SUBCASE("refused by the kernel") {
    m.storage.table_error = EINVAL;
    CHECK(m.failure({kVar}) ==
          "vg-0/var: device-mapper vg--0-var: /dev/mapper/control: Invalid "
          "argument");
    CHECK(m.system.called("dm-remove vg--0-var"));
  }
}

TEST_CASE("assemble: an array, whole") {
  Machine m;
  MdDisk disk;
  m.add_member("sda", 1, disk);
  disk.role = 1;
  disk.clean = false;
  m.add_member("sdb", 17, disk);
  m.add_target("md127");
  REQUIRE(m.find({kMd}).ok());
  CHECK(m.system.now() == Milliseconds(0));
  CHECK(m.storage.arrays["md127"] == std::vector<std::string>{"1.2", "8:1", "8:17"});
  CHECK(m.system.loaded() == std::vector<std::string>{"md_mod", "raid1"});
  CHECK(m.system.files["/sys/module/md_mod/parameters/start_ro"] == "1");
  CHECK(m.system.files["/sys/module/md_mod/parameters/new_array"] == "md127");
  CHECK(m.system.files.count("/sys/module/md_mod/parameters/start_dirty_degraded") == 0);
  CHECK(m.system.logged("md0 is md127, raid1 with 2 of 2 members"));
  freeze_arrays(m.system, "md127");
  CHECK(m.system.files["/sys/class/block/md127/md/sync_action"] == "frozen");
}

TEST_CASE("assemble: a member is missing") {
  Machine m;
  MdDisk disk;
  disk.level = 5;
  disk.raid_disks = 3;
  disk.clean = false;
  m.add_member("sda", 1, disk);
  m.add_target("md127");
  SUBCASE("too many") {
    CHECK(m.failure({kMd}) == "md0 (raid5) has 1 of 3 members");
    CHECK(m.storage.arrays.empty());
  }
  SUBCASE("one, not in sync: after half of the time, and said") {
    disk.role = 2;
    m.add_member("sdc", 33, disk);
    REQUIRE(m.find({kMd}).ok());
    CHECK(m.system.now() >= Milliseconds(30'000));
    CHECK(m.system.now() < Milliseconds(31'100));
    CHECK(m.system.files["/sys/module/md_mod/parameters/start_dirty_degraded"] == "1");
    CHECK(m.system.logged("start_dirty_degraded is set"));
    CHECK(m.system.logged("md0 is md127, raid5 with 2 of 3 members, not in sync"));
  }
  SUBCASE("one that the array knew to be gone: at once") {
    disk.role = 2;
    disk.roles = {0, 0xfffe, 2};
    disk.events = 11;
    m.add_member("sdc", 33, disk);
    REQUIRE(m.find({kMd}).ok());
    CHECK(m.system.now() == Milliseconds(0));
  }
}

TEST_CASE("assemble: an old member, a second one of a role and a spare are left out") {
  Machine m;
  MdDisk disk;
  disk.events = 20;
  m.add_member("sda", 1, disk);
  m.add_member("sdb", 17, disk);
  disk.role = 0xffff;
  m.add_member("sdc", 33, disk);
  disk.role = 1;
  disk.events = 18;
  m.add_member("sdd", 49, disk);
  m.add_target("md127");
  REQUIRE(m.find({kMd}).ok());
  CHECK(m.storage.arrays["md127"] == std::vector<std::string>{"1.2", "8:1"});
}

TEST_CASE("assemble: an array that is refused, or that the kernel does not start") {
  Machine m;
  MdDisk disk;
  SUBCASE("a journal") {
    disk.features = 512;
    m.add_member("sda", 1, disk);
    CHECK(m.failure({kMd}) == "md0 has a write journal");
  }
  SUBCASE("RUN_ARRAY") {
    m.storage.run_error = EIO;
    disk.roles = {0, 0xffff};
    m.add_member("sda", 1, disk);
    CHECK(m.failure({kMd}) == "md0: RUN_ARRAY: md127: Input/output error");
    CHECK(m.system.called("md-stop md127"));
  }
  SUBCASE("another array") {
    m.add_member("sda", 1, disk);
    CHECK(m.failure({"md:ffffffffffffffffffffffffffffffff:2:md5"}) == "no member of md5 was found");
  }
}

TEST_CASE("assemble: LVM on an array of version 0.90, and freezing goes down the stack") {
  Machine m;
  MdDisk disk;
  disk.major = 0;
  m.add_member("sda", 1, disk);
  disk.role = 1;
  m.add_member("sdb", 17, disk);
  m.prober.content["/dev/md127"] = {"LVM2_member", "raid", "pv", "", "", ""};
  m.system.files["/dev/md127"] = golden("pv0");
  m.add_pv("sdc", 33, "pv1");
  m.add_target("dm-0");
  REQUIRE(m.find({kVar, kMd}).ok());
  CHECK(m.storage.arrays["md127"].front() == "0.90");
  CHECK(m.storage.tables["vg--0-var"].front() == "0 40960 linear 9:127 2048");
  m.system.dirs.insert("/sys/class/block/dm-0/slaves/md127");
  freeze_arrays(m.system, "dm-0");
  CHECK(m.system.files["/sys/class/block/md127/md/sync_action"] == "frozen");
}

TEST_CASE("layers: their text") {
  for (const auto& text : {kVar, kMd, std::string("lvm"), std::string("md")}) {
    const auto layer = parse_layer(text);
    REQUIRE(layer.ok());
    CHECK(to_string(*layer) == text);
  }
  CHECK(parse_layer("md:" + kArray + ":2:a:b")->name == "a:b");
  CHECK(!parse_layer("luks").ok());
  CHECK(!parse_layer("md:" + kArray).ok());
  CHECK(!parse_layer("md:xyz:2:md0").ok());
  CHECK(!parse_layer("lvm:" + kArray + ":2:x").ok());
  CHECK(!parse_layer("md:" + kArray + ":99999:md0").ok());
}
