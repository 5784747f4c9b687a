// Layers brought up as their members appear: with the kernel's ioctls in a fake.
#include <doctest/doctest.h>

#include <cerrno>
#include <fstream>
#include <iterator>

#include "init/devices/storage/assemble.h"
#include "init/devices/storage/md.h"
#include "tests/fakes/fake_storage.h"
#include "tests/fakes/lvm_text.h"
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
    for (const char* name : {"dm_mod", "md_mod", "raid1", "raid456", "dm_raid", "dm_thin_pool"})
      system.files[std::string("/lib/modules/") + name + ".ko"] = "x";
    config.modules = {{"dm_mod", {}, "", "storage"},
                      {"md_mod", {}, "", "storage"},
                      {"raid1", {"md_mod"}, "", "storage"},
                      {"raid456", {"md_mod"}, "", "storage"},
                      {"dm_raid", {"dm_mod", "raid456"}, "", "storage"},
                      {"dm_thin_pool", {"dm_mod"}, "", "storage"}};
  }
  /// A PV of fakes::lvm_group().
  void add_pv_of(const std::string& name, int minor, const std::string& pv,
                 const std::string& volumes, const std::string& more = "") {
    storage.add_disk(name, minor, fakes::lvm_pv(pv, fakes::lvm_group(volumes, more)));
    prober.content["/dev/" + name] = {"LVM2_member", "raid", "pv-" + pv, "", "", ""};
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
    DeviceFinder finder(system, prober, sought, [](const Uevent&) {});
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
  DeviceName sought{By::kUuid, "wanted"};
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
  SUBCASE("by its path") {
    m.sought = {By::kPath, "/dev/vg-0/strip"};
    const auto strip = m.find({"lvm"});
    REQUIRE(strip.ok());
    CHECK(strip->mapped == "/dev/mapper/vg--0-strip");
    m.sought.value = "/dev/mapper/vg--0-var";
    CHECK(m.find({"lvm"})->mapped == m.sought.value);
    m.sought.value = "/dev/vg-0/other";
    CHECK(!m.find({"lvm"}).ok());
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

TEST_CASE("assemble: a mirror of LVM, from its parts") {
  Machine m;
  const std::string mirror = fakes::lvm_raid("var", "raid1", 2) + fakes::lvm_leg("var", 0, "pv0") +
                             fakes::lvm_leg("var", 1, "pv1");
  const std::string wanted = "lvm:" + fakes::lvm_id("vg0") + fakes::lvm_id("var") + ":2:vg0/var";
  m.add_pv_of("sdb", 17, "pv1", mirror);
  SUBCASE("whole; what its legs hold is nothing by itself") {
    m.add_pv_of("sda", 1, "pv0", mirror);
    for (const char* part : {"dm-0", "dm-1", "dm-2", "dm-3"})
      m.system.dirs.insert(std::string("/sys/class/block/") + part + "/holders/dm-4");
    m.add_target("dm-1");
    m.add_target("dm-4");
    const auto device = m.find({wanted});
    REQUIRE(device.ok());
    CHECK(device->name == "dm-4");
    CHECK(m.system.now() == Milliseconds(0));
    CHECK(m.storage.tables["vg0-var_rimage_1"] ==
          std::vector<std::string>{"0 81920 linear 8:17 2048"});
    CHECK(m.storage.tables["vg0-var"] ==
          std::vector<std::string>{
              "0 81920 raid raid1 3 0 region_size 4096 2 253:0 253:1 253:2 253:3"});
    CHECK(m.system.called("dm-message vg0-var frozen"));
    CHECK(m.system.loaded() ==
          std::vector<std::string>{"dm_mod", "md_mod", "raid1", "raid456", "dm_raid"});
  }
  SUBCASE("a PV never comes: after half of the time, and said") {
    m.add_target("dm-2");
    REQUIRE(m.find({wanted}).ok());
    CHECK(m.system.now() >= Milliseconds(30'000));
    CHECK(m.system.now() < Milliseconds(31'100));
    CHECK(m.storage.tables.size() == 3);
    CHECK(m.storage.tables["vg0-var"] ==
          std::vector<std::string>{"0 81920 raid raid1 3 0 region_size 4096 2 - - 253:0 253:1"});
    CHECK(m.system.logged("vg0/var has 1 of its 2 PVs, not " + fakes::lvm_id("pv0")));
  }
  SUBCASE("refused by the kernel: its parts go again") {
    m.add_pv_of("sda", 1, "pv0", mirror);
    m.add_target("dm-1");  // a part: not to be found
    m.storage.table_error_of = "vg0-var";
    CHECK(m.failure({wanted}) ==
          "vg0/var: device-mapper vg0-var: /dev/mapper/control: Invalid argument");
    CHECK(m.system.called("dm-remove vg0-var_rimage_0"));
    CHECK(m.system.called("dm-remove vg0-var_rmeta_1"));
  }
}

TEST_CASE("assemble: groups that are not this machine's are left alone") {
  Machine m;
  const std::string var = fakes::lvm_linear("var", "pv0", 40);
  const std::string wanted = "lvm:" + fakes::lvm_id("vg0") + fakes::lvm_id("var") + ":1:vg0/var";
  SUBCASE("exported since the image was built") {
    m.add_pv_of("sda", 1, "pv0", var, "status = [\"EXPORTED\"]\n");
    CHECK(m.failure({wanted}) == "vg0 is exported (vgexport)");
  }
  SUBCASE("another machine's, where none is named") {
    m.add_pv_of("sda", 1, "pv0", var, "system_id = \"other\"\n");
    CHECK(m.failure({"lvm"}) == "vg0 belongs to the machine other");
  }
  CHECK(m.storage.tables.empty());
}

TEST_CASE("assemble: a thin volume, where its pool has room") {
  Machine m;
  const std::string thin = fakes::lvm_thin("var", "pool", 3) + fakes::lvm_thin_pool("pool", 7) +
                           fakes::lvm_linear("pool_tdata", "pv0", 40) +
                           fakes::lvm_linear("pool_tmeta", "pv0", 1);
  m.add_pv_of("sda", 1, "pv0", thin);
  m.add_target("dm-3");
  const std::string rest = " 9/100 - rw no_discard_passdown error_if_no_space - 1024";
  SUBCASE("brought up, named or not") {
    m.storage.statuses["vg0-pool"] = "7 12/1024" + rest;
    REQUIRE(m.find({"lvm"}).ok());
    CHECK(m.storage.tables["vg0-pool"] ==
          std::vector<std::string>{"0 81920 thin-pool 253:0 253:1 128 0 1 error_if_no_space"});
    CHECK(m.storage.tables["vg0-var"] == std::vector<std::string>{"0 204800 thin 253:2 3"});
  }
  SUBCASE("another transaction") {
    m.storage.statuses["vg0-pool"] = "8 12/1024" + rest;
    CHECK(m.failure({"lvm"}) == "vg0/var: thin pool pool is at transaction 8, and LVM knows of 7");
    CHECK(m.system.called("dm-remove vg0-pool"));
    CHECK(m.system.called("dm-remove vg0-pool_tdata"));
  }
}

TEST_CASE("assemble: NVMe/TCP is asked for until it answers, and its secret is not said") {
  Machine m;
  const std::string options =
      "transport=tcp,traddr=10.0.0.5,trsvcid=4420,nqn=store,hostnqn=h,dhchap_secret=DHHC";
  m.system.errors["write /dev/nvme-fabrics"] = ECONNREFUSED;
  SUBCASE("late") {
    m.system.at(Milliseconds(5'500), [&](FakeSystem& s) { s.errors.clear(); });
    m.system.at(Milliseconds(7'500), [&](FakeSystem& s) {
      s.files["/sys/class/block/nvme0n1/size"] = "2048\n";
      m.add_target("nvme0n1");
    });
    REQUIRE(m.find({"nvme_tcp:" + options}).ok());
    CHECK(m.system.now() < Milliseconds(9'000));
    CHECK(m.system.files["/dev/nvme-fabrics"] == options);
    CHECK(m.system.logged("connected to NVMe/TCP store at 10.0.0.5 port 4420"));
    CHECK_FALSE(m.system.logged("DHHC"));
  }
  SUBCASE("never") {
    CHECK(m.failure({"nvme_tcp:" + options}) ==
          "NVMe/TCP store at 10.0.0.5 port 4420: Connection refused");
  }
  SUBCASE("connected by an earlier worker") {
    m.system.errors["write /dev/nvme-fabrics"] = EALREADY;
    m.system.files["/sys/class/block/nvme0n1/size"] = "2048\n";
    m.add_target("nvme0n1");
    CHECK(m.find({"nvme_tcp:" + options}).ok());
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
  const std::string nvme = "nvme_tcp:transport=tcp,traddr=10.0.0.5,nqn=nqn.2014-08.org:a";
  CHECK(to_string(*parse_layer(nvme)) == nvme);
  CHECK(!parse_layer("nvme_tcp").ok());
  CHECK(!parse_layer("nvme_tcp:transport=rdma,traddr=1,nqn=a").ok());
  CHECK(!parse_layer("nvme_tcp:transport=tcp,nqn=a").ok());
  CHECK(!parse_layer("luks").ok());
  CHECK(!parse_layer("md:" + kArray).ok());
  CHECK(!parse_layer("md:xyz:2:md0").ok());
  CHECK(!parse_layer("lvm:" + kArray + ":2:x").ok());
  CHECK(!parse_layer("md:" + kArray + ":99999:md0").ok());
}
