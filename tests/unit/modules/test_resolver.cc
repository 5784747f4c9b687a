#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <optional>

#include "modules/resolver.h"
#include "tests/fakes/kernel_tree.h"

using namespace mkcapture;

using fakes::FakeModule;
using fakes::TempDir;
using mkcapture::KernelTree;
using mkcapture::ModuleSets;
using mkcapture::ResolvedModule;
using mkcapture::Resolver;
using Names = std::vector<std::string>;

namespace {

constexpr const char* kRelease = "6.1.0-test";

// A kernel as Debian's is built, in small: names, dependencies and softdeps are the real ones.
const std::vector<FakeModule> kModules = {
    {"drivers/virtio/virtio.ko", {"depends=virtio_ring"}},
    {"drivers/virtio/virtio_ring.ko", {"license=GPL"}},
    {"drivers/virtio/virtio_pci.ko",
     {"depends=virtio,virtio_ring", "alias=pci:v00001AF4d*sv*sd*bc*sc*i*"}},
    {"drivers/block/virtio_blk.ko", {"depends=virtio,virtio_ring", "alias=virtio:d00000002v*"}},
    {"drivers/scsi/scsi_mod.ko", {"license=GPL"}},
    {"drivers/scsi/sd_mod.ko", {"depends=scsi_mod,t10-pi", "alias=scsi:t-0x00*"}},
    {"block/t10-pi.ko", {"depends=crc-t10dif"}},
    {"lib/crc-t10dif.ko", {"softdep=pre: crct10dif"}},
    {"crypto/crct10dif_generic.ko", {"alias=crct10dif", "alias=crypto-crct10dif"}},
    {"drivers/ata/libata.ko", {"depends=scsi_mod"}},
    {"drivers/ata/ahci.ko", {"depends=libata", "alias=pci:v*d*sv*sd*bc01sc06i01*"}},
    {"arch/x86/crypto/crc32c-intel.ko",
     {"alias=crc32c", "alias=cpu:type:x86,ven*fam*mod*:feature:*0094*"}},
    {"crypto/crc32c_generic.ko", {"alias=crc32c", "alias=crypto-crc32c"}},
    {"fs/jbd2/jbd2.ko", {"softdep=pre: crypto-crc32c"}},
    {"fs/mbcache.ko", {"license=GPL"}},
    {"fs/ext4/ext4.ko", {"depends=jbd2,mbcache", "softdep=pre: crypto-crc32c", "alias=fs-ext4"}},
    {"fs/fat/fat.ko", {"license=GPL"}},
    {"fs/fat/vfat.ko", {"depends=fat", "alias=fs-vfat"}},
    {"fs/nls/nls_cp437.ko", {"license=GPL"}},
    {"fs/nls/nls_ascii.ko", {"license=GPL"}},
    {"drivers/net/ethernet/realtek/r8169.ko",
     {"softdep=pre: realtek post: aquantia", "alias=pci:v000010ECd00008168sv*sd*bc*sc*i*",
      "firmware=rtl_nic/rtl8168d-1.fw"}},
    {"drivers/net/phy/realtek.ko", {"alias=mdio:0000000000011100110010000000????"}},
    {"drivers/net/phy/aquantia.ko", {"license=GPL"}},
    {"drivers/net/bonding/bonding.ko", {"license=GPL"}},
    {"lib/loop_a.ko", {"softdep=pre: loop_b"}},
    {"lib/loop_b.ko", {"softdep=pre: loop_a"}},
};
const std::vector<std::string> kBuiltin = {"net/packet/af_packet.ko", "fs/ext2/ext2.ko"};

struct Fixture {
  Fixture() {
    fakes::write_kernel_tree(root, kRelease, kModules, kBuiltin);
    auto opened = KernelTree::open(root.path(), kRelease);
    REQUIRE(opened.ok());
    tree.emplace(std::move(*opened));
    auto loaded = mkcapture::builtin_module_sets();
    REQUIRE_MESSAGE(loaded.ok(), loaded.error().message);
    sets = std::move(*loaded);
  }
  [[nodiscard]] Resolver resolver() { return {*tree, sets}; }

  TempDir root;
  std::optional<KernelTree> tree;
  ModuleSets sets;
};

Names names(const Resolver& r) {
  Names out;
  for (const ResolvedModule& m : r.result().modules)
    out.push_back(m.name);
  return out;
}

ResolvedModule module(const Resolver& r, const std::string& name) {
  for (const ResolvedModule& m : r.result().modules)
    if (m.name == name) return m;
  FAIL("no module " << name);
  return {};
}

}  // namespace

TEST_CASE_FIXTURE(Fixture, "load order: dependencies and softdeps first, requests as they come") {
  Resolver r = resolver();
  CHECK(*r.add({"virtio_pci", "bus of vda", "storage"}) == Names{"virtio_pci"});
  CHECK(*r.add({"virtio_blk", "disk", "storage"}) == Names{"virtio_blk"});
  CHECK(*r.add({"ext4", "filesystem of UUID=1", "fs"}) == Names{"ext4"});
  CHECK(names(r) == Names{"virtio_ring", "virtio", "virtio_pci", "virtio_blk", "crc32c_generic",
                          "jbd2", "mbcache", "ext4"});
  CHECK(module(r, "ext4").deps == Names{"crc32c_generic", "jbd2", "mbcache"});
  CHECK(module(r, "ext4").reason == "ext4: filesystem of UUID=1");
  CHECK(module(r, "jbd2").reason == "jbd2: needed by ext4");
  CHECK(module(r, "crc32c_generic").reason == "crc32c_generic: softdep of ext4");
  CHECK(module(r, "virtio_blk").driver_class == "storage");
  CHECK(module(r, "virtio_ring").driver_class.empty());
  CHECK(module(r, "ext4").path == root.path("lib/modules/6.1.0-test/kernel/fs/ext4/ext4.ko"));
  CHECK(module(r, "ext4").file_bytes > 0);
}

TEST_CASE_FIXTURE(Fixture, "a SCSI host brings the disk driver, and names it for the target") {
  Resolver r = resolver();
  CHECK(*r.add({"ahci", "controller", "storage"}) == Names{"sd_mod", "ahci"});
  CHECK(names(r) == Names{"scsi_mod", "crc_t10dif", "t10_pi", "sd_mod", "libata", "ahci"});
  CHECK(module(r, "sd_mod").reason == "sd_mod: asked for by scsi_mod");
  // The provider of a checksum that has a built-in form is spare.
  CHECK(module(r, "sd_mod").deps == Names{"scsi_mod", "crc_t10dif", "t10_pi"});
  // The same answer when it is in already.
  CHECK(*r.add({"ahci", "again", "storage"}) == Names{"sd_mod", "ahci"});
  CHECK(names(r).size() == 6);
}

TEST_CASE_FIXTURE(Fixture, "a driver for a feature of the processor may fail") {
  Resolver r = resolver();
  REQUIRE(r.add({"crc32c-intel", "wish", ""}).ok());
  REQUIRE(r.add({"crc32c_generic", "wish", ""}).ok());
  CHECK(module(r, "crc32c_intel").may_fail);
  CHECK_FALSE(module(r, "crc32c_generic").may_fail);
}

TEST_CASE_FIXTURE(Fixture, "ext4: the format of its quota files, which a mount asks for") {
  auto modules = kModules;
  modules.push_back({"fs/quota/quota_tree.ko", {"license=GPL"}});
  modules.push_back({"fs/quota/quota_v2.ko", {"depends=quota_tree"}});
  fakes::write_kernel_tree(root, "6.1.0-quota", modules, kBuiltin);
  auto with_quota = KernelTree::open(root.path(), "6.1.0-quota");
  REQUIRE(with_quota.ok());
  Resolver r(*with_quota, sets);
  CHECK(r.add_filesystem("ext4", "type of UUID=1")->modules == Names{"ext4", "quota_v2"});
  CHECK(module(r, "quota_v2").deps == Names{"quota_tree"});
}

TEST_CASE_FIXTURE(Fixture, "a fabric's adapter comes with the handlers of its arrays before it") {
  auto modules = kModules;
  modules.push_back({"drivers/scsi/device_handler/scsi_dh_alua.ko", {"depends=scsi_mod"}});
  modules.push_back({"drivers/scsi/lpfc/lpfc.ko", {"depends=scsi_mod"}});
  fakes::write_kernel_tree(root, "6.1.0-fabric", modules, kBuiltin);
  auto fabric = KernelTree::open(root.path(), "6.1.0-fabric");
  REQUIRE(fabric.ok());
  Resolver r(*fabric, sets);
  REQUIRE(r.add({"lpfc", "adapter", "storage"}).ok());
  const auto& deps = module(r, "lpfc").deps;
  CHECK(std::find(deps.begin(), deps.end(), "scsi_dh_alua") != deps.end());
}

TEST_CASE_FIXTURE(Fixture, "vfat: the character sets that fat asks for are loaded before it") {
  Resolver r = resolver();
  const auto fs = r.add_filesystem("vfat", "type of LABEL=x");
  REQUIRE(fs.ok());
  CHECK(fs->type == "vfat");
  CHECK(fs->modules == Names{"vfat"});
  CHECK(names(r) == Names{"nls_cp437", "nls_ascii", "fat", "vfat"});
  CHECK(module(r, "vfat").deps == Names{"nls_cp437", "nls_ascii", "fat"});
  CHECK(module(r, "vfat").driver_class == "fs");
}

TEST_CASE_FIXTURE(Fixture, "filesystems: ext3 is ext4's, unknown ones are refused") {
  Resolver r = resolver();
  CHECK(r.add_filesystem("ext3", "x")->modules == Names{"ext4"});
  CHECK(r.add_filesystem("ext2", "x")->modules == Names{"ext4"});  // ext2 itself is built in
  CHECK(r.add_filesystem("zfs", "x").error().message == "no support for the filesystem \"zfs\"");
  // A set of that name that is no filesystem.
  CHECK_FALSE(r.add_filesystem("virtio", "x").ok());
  // Its module is not in this kernel.
  const auto xfs = r.add_filesystem("xfs", "type of /dev/sda1");
  REQUIRE_FALSE(xfs.ok());
  CHECK(xfs.error().message == "kernel 6.1.0-test has no driver \"xfs\" (type of /dev/sda1)");
}

TEST_CASE_FIXTURE(Fixture, "built-in, unknown and optional names") {
  Resolver r = resolver();
  CHECK(r.add({"af_packet", "DHCP", ""})->empty());
  REQUIRE(r.result().builtin.size() == 1);
  CHECK(r.result().builtin[0].name == "af_packet");
  CHECK(r.result().builtin[0].reason == "af_packet: DHCP");
  CHECK(r.add({"nosuch", "wish", "", false})->empty());
  CHECK(r.result().missing == Names{"nosuch"});
  CHECK(r.add({"nosuch", "--add-driver", "", true}).error().message ==
        "kernel 6.1.0-test has no driver \"nosuch\" (--add-driver)");
  CHECK(r.result().modules.empty());
}

TEST_CASE_FIXTURE(Fixture, "wishes by alias, by pattern and by folder") {
  Resolver r = resolver();
  CHECK(*r.add({"alias:pci:v00001AF4d00001001sv00001AF4sd00000002bc01sc00i00", "slot",
                "storage"}) == Names{"virtio_pci"});
  CHECK(*r.add({"alias:virtio:*", "virtio devices", "storage"}) == Names{"virtio_blk"});
  CHECK(*r.add({"subtree:kernel/drivers/net/phy", "PHYs", "net"}) == Names{"aquantia", "realtek"});
  CHECK_FALSE(r.add({"subtree:kernel/drivers/net/ph", "half a name", "net"}).ok());
  CHECK_FALSE(r.add({"alias:pci:v00008086d00000000", "no such card", "net"}).ok());
}

TEST_CASE_FIXTURE(Fixture, "softdep pre: and post:, firmware, parameters") {
  Resolver r = resolver();
  // The PHY behind the driver is loaded with it, so it is among the target's drivers.
  CHECK(*r.add({"r8169", "eth0", "net"}) == Names{"r8169", "aquantia"});
  CHECK(names(r) == Names{"realtek", "r8169", "aquantia"});
  CHECK(module(r, "r8169").firmware == Names{"rtl_nic/rtl8168d-1.fw"});
  REQUIRE(r.add({"bonding", "bond0", ""}).ok());
  CHECK(module(r, "bonding").params == "max_bonds=0");
}

TEST_CASE_FIXTURE(Fixture, "soft dependencies in a circle end") {
  Resolver r = resolver();
  REQUIRE(r.add({"loop_a", "wish", ""}).ok());
  CHECK(names(r) == Names{"loop_b", "loop_a"});
  CHECK(module(r, "loop_a").deps == Names{"loop_b"});
  CHECK(module(r, "loop_b").deps.empty());
}

TEST_CASE_FIXTURE(Fixture, "--omit-driver: soft dependencies stay away, hard ones are an error") {
  Resolver soft = resolver();
  soft.omit("crc32c-generic");
  REQUIRE(soft.add({"ext4", "fs", "fs"}).ok());
  CHECK(names(soft) == Names{"jbd2", "mbcache", "ext4"});

  Resolver hard = resolver();
  hard.omit("jbd2");
  CHECK(hard.add({"ext4", "fs", "fs"}).error().message ==
        "\"jbd2\" is omitted, but jbd2: needed by ext4");

  Resolver self = resolver();
  self.omit("ext4");
  CHECK(self.add({"ext4", "target", "fs"}).error().message ==
        "ext4 is needed (target) and omitted at once");
  // One of many that a wish stands for just stays away.
  Resolver many = resolver();
  many.omit("realtek");
  CHECK(*many.add({"subtree:kernel/drivers/net/phy", "PHYs", "net"}) == Names{"aquantia"});
}

TEST_CASE_FIXTURE(Fixture, "sets: absent drivers are passed over, unknown sets are named") {
  Resolver r = resolver();
  CHECK(*r.add_set("virtio", "generic") == Names{"virtio_pci", "virtio_blk", "sd_mod"});
  const auto missing = r.result().missing;
  CHECK(missing == Names{"virtio_mmio", "virtio_scsi"});
  const auto unknown = r.add_set("virtual", "generic");
  REQUIRE_FALSE(unknown.ok());
  CHECK(unknown.error().message.find("no driver set \"virtual\"; there are ahci, ") == 0);
  CHECK_FALSE(r.add_set("nfs4", "target").ok());  // required there, and not in this kernel
}

TEST_CASE_FIXTURE(Fixture, "aliases only of storage and network drivers, sorted") {
  Resolver r = resolver();
  REQUIRE(r.add({"virtio_blk", "x", "storage"}).ok());
  REQUIRE(r.add({"r8169", "x", "net"}).ok());
  REQUIRE(r.add({"ext4", "x", "fs"}).ok());
  const std::vector<std::pair<std::string, std::string>> expected = {
      {"pci:v000010ECd00008168sv*sd*bc*sc*i*", "r8169"}, {"virtio:d00000002v*", "virtio_blk"}};
  CHECK(*r.aliases() == expected);
}

TEST_CASE_FIXTURE(Fixture, "a bus of disks and interfaces is of no class, and has its aliases") {
  Resolver r = resolver();
  REQUIRE(r.add({"virtio_pci", "disks", "storage"}).ok());
  CHECK(module(r, "virtio_pci").driver_class == "storage");
  REQUIRE(r.add({"virtio_pci", "interfaces", "net"}).ok());
  CHECK(module(r, "virtio_pci").driver_class.empty());
  REQUIRE(r.add({"virtio_pci", "again", "net"}).ok());
  CHECK(module(r, "virtio_pci").driver_class.empty());
  CHECK(r.aliases()->size() == 1);
}

TEST_CASE_FIXTURE(Fixture, "compressed modules are read as well") {
  const std::string folder = root.path("lib/modules/6.1.0-test/kernel/fs/");
  REQUIRE(std::system(("xz " + folder + "ext4/ext4.ko && zstd -q --rm " + folder +
                       "jbd2/jbd2.ko && (! kmod --version | grep -q +ZLIB || gzip " + folder +
                       "mbcache.ko) && PATH=$PATH:/usr/sbin:/sbin "
                       "depmod -b " +
                       root.path() + " " + kRelease + " 2>/dev/null")
                          .c_str()) == 0);
  auto reopened = KernelTree::open(root.path(), kRelease);
  REQUIRE(reopened.ok());
  Resolver r(*reopened, sets);
  const auto added = r.add({"ext4", "fs", "fs"});
  REQUIRE_MESSAGE(added.ok(), added.error().message);
  CHECK(std::filesystem::path(module(r, "ext4").path).filename() == "ext4.ko.xz");
  CHECK(names(r).back() == "ext4");
}

TEST_CASE_FIXTURE(Fixture, "a module whose dependency has no file is refused, not taken alone") {
  REQUIRE(std::filesystem::remove(root.path("lib/modules/6.1.0-test/kernel/lib/crc-t10dif.ko")));
  auto reopened = KernelTree::open(root.path(), kRelease);
  REQUIRE(reopened.ok());
  for (const std::string name : {"sd_mod", "t10_pi"}) {
    Resolver r(*reopened, sets);
    const auto added = r.add({name, "disk", "storage"});
    REQUIRE_FALSE(added.ok());
    CHECK(added.error().message.find("kernel/lib/crc-t10dif.ko: No such file") !=
          std::string::npos);
  }
}

TEST_CASE_FIXTURE(Fixture, "a module that needs another one than modules.dep knows is refused") {
  const std::string index = root.path("lib/modules/6.1.0-test/modules.dep");
  REQUIRE(std::system(("sed -i 's/^\\(.*vfat.ko:\\).*/\\1/' " + index).c_str()) == 0);
  auto reopened = KernelTree::open(root.path(), kRelease);
  REQUIRE(reopened.ok());
  Resolver r(*reopened, sets);
  const auto added = r.add({"vfat", "disk", "fs"});
  REQUIRE_FALSE(added.ok());
  CHECK(added.error().message ==
        "vfat: disk: modules.dep of kernel 6.1.0-test does not have fat, which vfat needs; run "
        "\"depmod 6.1.0-test\"");
}

TEST_CASE("a tree that is not there, or without indexes") {
  TempDir root;
  auto absent = KernelTree::open(root.path(), "1.2.3");
  REQUIRE_FALSE(absent.ok());
  CHECK(absent.error().message ==
        "no modules of kernel 1.2.3: " + root.path() + "/lib/modules/1.2.3 does not exist");
  root.write("usr/lib/modules/1.2.3/modules.order", "");
  auto bare = KernelTree::open(root.path(), "1.2.3");
  REQUIRE_FALSE(bare.ok());
  CHECK(bare.error().message == root.path() +
                                    "/usr/lib/modules/1.2.3: no modules.dep; run \"depmod -b " +
                                    root.path() + " 1.2.3\"");
}

TEST_CASE("a merged /usr") {
  TempDir root;
  fakes::write_kernel_tree(root, kRelease, kModules, kBuiltin);
  std::filesystem::create_directory(root.path("usr"));
  std::filesystem::rename(root.path("lib"), root.path("usr/lib"));
  auto tree = KernelTree::open(root.path(), kRelease);
  REQUIRE(tree.ok());
  CHECK(tree->info("ext4").ok());
  CHECK(tree->has("crc32c_intel"));
  CHECK(tree->is_builtin("af-packet"));
}
