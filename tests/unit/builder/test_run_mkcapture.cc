// The whole tool, called as main() calls it: kernel trees and payloads in temporary folders, hosts
// in memory.
#include <doctest/doctest.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>

#include "builder/ask/settings.h"
#include "builder/image/assemble.h"
#include "builder/run.h"
#include "builder/version.h"
#include "tests/fakes/fake_host.h"
#include "tests/fakes/kernel_tree.h"
#include "tests/fakes/source_tree.h"
#include "tests/fakes/temp_dir.h"

using namespace mkcapture;
using fakes::FakeHost;
using fakes::TempDir;

namespace {

constexpr const char* kRelease = "6.1.0-test";
constexpr const char* kConfig =
    "CONFIG_CRASH_DUMP=y\nCONFIG_PROC_VMCORE=y\nCONFIG_PROC_FS=y\nCONFIG_SYSFS=y\n"
    "CONFIG_DEVTMPFS=y\nCONFIG_BLK_DEV_INITRD=y\nCONFIG_TMPFS=y\nCONFIG_PRINTK=y\n"
    "CONFIG_RELOCATABLE=y\nCONFIG_MODULES=y\nCONFIG_PACKET=y\nCONFIG_INET=y\nCONFIG_KEXEC=y\n"
    "CONFIG_KEXEC_FILE=y\nCONFIG_RD_GZIP=y\nCONFIG_RD_XZ=y\n";

const std::vector<fakes::FakeModule>& modules() {
  static const std::vector<fakes::FakeModule> kModules = {
      {"drivers/virtio/virtio_ring.ko", {}},
      {"drivers/virtio/virtio_pci.ko",
       {"depends=virtio_ring", "alias=pci:v00001AF4d*sv*sd*bc*sc*i*"}},
      {"drivers/block/virtio_blk.ko", {"depends=virtio_ring", "alias=virtio:d00000002v*"}},
      {"drivers/net/virtio_net.ko", {"depends=virtio_ring", "alias=virtio:d00000001v*"}},
      {"drivers/ata/ahci.ko", {"alias=pci:v00008086d*sv*sd*bc01sc06i01*"}},
      {"drivers/net/ethernet/intel/e1000e/e1000e.ko", {"alias=pci:v00008086d*sv*sd*bc02sc00i*"}},
      {"fs/jbd2/jbd2.ko", {}},
      {"fs/ext4/ext4.ko", {"depends=jbd2"}},
      {"fs/xfs/xfs.ko", {}},
      {"fs/nfs/nfs.ko", {}},
      {"fs/nfs/nfsv3.ko", {"depends=nfs"}},
      {"fs/nfs/nfsv4.ko", {"depends=nfs"}},
      {"net/8021q/8021q.ko", {}},
      {"drivers/net/bonding/bonding.ko", {}},
      {"misc/extra.ko", {}},
      {"drivers/nvme/host/nvme-tcp.ko", {}},
      {"drivers/scsi/device_handler/scsi_dh_alua.ko", {}},
      {"fs/fuse/virtiofs.ko", {}},
  };
  return kModules;
}

/// A kernel tree with a payload, and what the tool said to the last call.
struct Fixture {
  TempDir tree;
  FakeHost host = fakes::virtual_machine();
  std::string out, err;

  explicit Fixture(const std::string& config = kConfig) {
    host.own_root = tree.path();
    write_kernel_tree(tree, kRelease, modules(), {"fs/vfat/vfat.ko"});
    tree.write(std::string("boot/vmlinuz-") + kRelease, "kernel");
    if (!config.empty()) tree.write(std::string("boot/config-") + kRelease, config);
    for (const char* program : {"init", "udhcpc", "dbclient", "busybox", "savecore"}) {
      tree.write(std::string("payload/") + program, std::string("program ") + program);
      std::filesystem::permissions(tree.path(std::string("payload/") + program),
                                   std::filesystem::perms::owner_all);
    }
    host.on_run = [this](const std::vector<std::string>& argv) -> Result<std::string> {
      if (argv[0] == tree.path("payload/savecore"))
        return std::string(kRelease) + " c0ffee 31 9000/0 8000/3 7000/0 6000/1 0/0\n";
      return sys_error(argv[0], ENOENT);
    };
  }

  int run(std::vector<std::string> arguments) {
    for (const auto& argument : {"--root=" + tree.path(), "--payload=" + tree.path("payload")})
      arguments.insert(arguments.begin(), argument);
    return run_plain(std::move(arguments));
  }
  int run_plain(std::vector<std::string> arguments) {
    out.clear();
    err.clear();
    return run_mkcapture(arguments, host, out, err);
  }
  [[nodiscard]] bool said(const std::string& text) const {
    return out.find(text) != std::string::npos;
  }
  /// The baked configuration of the plan for these arguments.
  std::string baked(const std::vector<std::string>& arguments) {
    std::vector<std::string> all = arguments;
    all.push_back("--output=" + tree.path("baked.img"));
    REQUIRE_MESSAGE(run(all) == 0, err);
    const auto cpio = decompress(tree.read("baked.img"), 64 << 20);
    REQUIRE(cpio);
    const auto contents = read_cpio(*cpio);
    REQUIRE(contents);
    image = *contents;
    return image.find("etc/capture.conf")->data;
  }
  ImageContents image;
  [[nodiscard]] bool has(const std::string& path) const { return image.find(path) != nullptr; }
};

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

const std::string kDisk = "disk:LABEL=elsewhere:/dump";

}  // namespace

TEST_CASE("mkcapture: with nothing said, the file system of /var/crash and its drivers") {
  Fixture f;
  const std::string conf = f.baked({});
  CHECK(contains(conf, "target=disk:UUID=" + std::string(fakes::kRootUuid) + ":/var/crash\n"));
  CHECK(contains(conf, "drivers=virtio_pci,virtio_blk\n"));
  CHECK(contains(conf, "filesystem=ext4:ext4\n"));
  CHECK(f.has("lib/modules/virtio_blk.ko"));
  CHECK(f.has("lib/modules/jbd2.ko"));
  CHECK(!f.has("lib/modules/ahci.ko"));
  CHECK(!f.has("lib/modules/xfs.ko"));
  CHECK(!f.has("bin/busybox"));
  CHECK(!f.has("etc/modules.alias"));
  CHECK(contains(conf, "deadline=30min\n"));
  CHECK(contains(conf, "final=reboot\n"));
}

TEST_CASE("mkcapture: the image is private, and the same twice") {
  Fixture f;
  (void)f.baked({});
  struct stat st;
  REQUIRE(::stat(f.tree.path("baked.img").c_str(), &st) == 0);
  CHECK((st.st_mode & 07777) == 0600);
  const std::string first = f.tree.read("baked.img");
  (void)f.baked({});
  CHECK(f.tree.read("baked.img") == first);
}

TEST_CASE(
    "mkcapture: --drivers generic carries the profile's sets and looks for the device itself") {
  Fixture f;
  const std::string conf = f.baked({"-t", kDisk, "--drivers", "generic"});
  CHECK(contains(conf, "autoload=storage\n"));
  CHECK(f.has("lib/modules/ahci.ko"));
  CHECK(f.has("lib/modules/xfs.ko"));
  CHECK(f.has("etc/modules.alias"));
  CHECK(!f.has("lib/modules/e1000e.ko"));
  CHECK(contains(conf, "filesystem=vfat:\n"));  // built in
}

TEST_CASE("mkcapture: a device that is not here means generic drivers") {
  Fixture f;
  CHECK(contains(f.baked({"-t", kDisk}), "autoload=storage\n"));
  CHECK(f.run({"-t", kDisk, "--drivers", "host"}) == 2);
  CHECK(f.err ==
        "mkcapture: --drivers: host: LABEL=elsewhere is not on this machine; use generic "
        "or a list\n");
}

TEST_CASE("mkcapture: --drivers LIST is these and what they need, nothing else") {
  Fixture f;
  const std::string conf = f.baked({"-t", kDisk, "--drivers", "virtio_pci,virtio-blk,ext4"});
  CHECK(contains(conf, "drivers=virtio_pci,virtio_blk\n"));
  CHECK(f.has("lib/modules/virtio_ring.ko"));
  CHECK(!f.has("lib/modules/xfs.ko"));
  CHECK(!contains(conf, "autoload"));

  CHECK(f.run({"-t", kDisk, "--drivers", "virtio_blk,floppy"}) == 2);
  CHECK(f.err ==
        "mkcapture: --drivers: kernel 6.1.0-test has no driver 'floppy', neither as a "
        "module nor built in\n");
  CHECK(f.run({"-t", "disk:UUID=" + std::string(fakes::kRootUuid) + ":/x", "--drivers",
               "virtio_blk,xfs"}) == 2);
  CHECK(contains(f.err, "the list has no file system driver for disk:UUID="));
  CHECK(contains(f.err, ": add ext4"));

  CHECK(contains(f.baked({"-t", kDisk, "--drivers", "multipath,virtio_blk,ext4"}),
                 "drivers=scsi_dh_alua,virtio_blk\n"));
  // Whose disk it is knows nobody but that machine.
  CHECK(f.run({"-t", kDisk, "--drivers", "nvme_tcp,virtio_net,ext4"}) == 2);
  CHECK(f.err ==
        "mkcapture: --drivers: nvme_tcp: where disk:LABEL=elsewhere:/dump is on the network is "
        "known only on the machine that uses it: build the image there\n");
}

TEST_CASE("mkcapture: a share of the virtual machine's host") {
  Fixture f;
  const std::string conf = f.baked({"-t", "virtiofs:share:/crash"});
  CHECK(contains(conf, "target=virtiofs:share:/crash\ndrivers="));
  CHECK(contains(conf, "virtio_pci"));
  CHECK(f.has("lib/modules/virtiofs.ko"));
  CHECK(!contains(conf, "autoload"));
  CHECK(contains(f.baked({"-t", "virtiofs:share:/crash", "--drivers", "virtio_pci,virtiofs"}),
                 "\ndrivers=virtio_pci,virtiofs\n"));
  CHECK(f.run({"-t", "virtiofs:share:/crash", "--print", "plan"}) == 0);
  CHECK(contains(f.out, "1. virtiofs:share:/crash\n     a share of the virtual machine's host\n"));
}

TEST_CASE("mkcapture: --add-driver and --omit-driver") {
  Fixture f;
  const std::string conf = f.baked({"--add-driver", "extra", "--add-driver", "xfs"});
  CHECK(contains(conf, "drivers=virtio_pci,virtio_blk,extra\n"));
  CHECK(contains(conf, "filesystem=xfs:xfs\n"));
  (void)f.baked({"-t", kDisk, "--omit-driver", "ahci"});
  CHECK(!f.has("lib/modules/ahci.ko"));
  CHECK(f.run({"--add-driver", "nosuch"}) == 2);
  CHECK(contains(f.err, "--add-driver: kernel 6.1.0-test has no driver 'nosuch'"));
  CHECK(f.run({"--omit-driver", "nosuch"}) == 2);
  CHECK(f.run({"--omit-driver", "jbd2"}) != 0);  // ext4 cannot do without
}

TEST_CASE("mkcapture: options of modules, from modprobe.d, --module-option and the line") {
  Fixture f;
  f.host.files[f.tree.path("etc/modprobe.d/blk.conf")] = "options virtio-blk queues=2 other=1\n";
  const std::string conf = f.baked({"--module-option", "virtio_blk.queues=3"});
  CHECK(contains(conf, "module=virtio_blk|virtio_ring|queues=2 other=1 queues=3|storage\n"));
  REQUIRE(f.run({"--print", "plan", "--append", "virtio_blk.queues=4"}) == 0);
  CHECK(f.said("of vda1, with queues=2 other=1 queues=4\n"));

  // Built in: by the command line. Not in the image: a note. Unknown: an error.
  REQUIRE(f.run({"--print", "append", "--module-option", "vfat.x=1"}) == 0);
  CHECK(f.out.ends_with(" vfat.x=1\n"));
  REQUIRE(f.run({"--print", "plan", "--module-option", "ahci.x=1"}) == 0);
  CHECK(f.said("--module-option: ahci is not in the image, its option x=1 has no effect"));
  CHECK(f.run({"--module-option", "nosuch.x=1"}) == 2);
  for (const char* bad : {"virtio_blk", "virtio_blk.", "virtio_blk.=1", "a/b.c=1", "a.b=c d"})
    CHECK_MESSAGE(f.run({"--module-option", bad}) == 2, bad);
}

TEST_CASE("mkcapture: without a kernel image there is no command that a shell could run") {
  Fixture f;
  std::filesystem::remove(f.tree.path(std::string("boot/vmlinuz-") + kRelease));
  CHECK(f.run({"--print", "kexec"}) == 1);
  CHECK(contains(f.err, "no kernel image of 6.1.0-test below "));
  CHECK(contains(f.err, "--kernel-image FILE names one"));
  REQUIRE(f.run({"--print", "plan"}) == 0);
  CHECK(!f.said("kexec -p"));
  REQUIRE(f.run({"--print", "kexec", "--kernel-image", f.tree.write("mine", "kernel")}) == 0);
  CHECK(f.out.starts_with("kexec -p " + f.tree.path("mine") + " "));
  CHECK(f.run({"--kernel-image", f.tree.path("nothing")}) == 2);
}

TEST_CASE("mkcapture: signatures of modules") {
  const std::string with_signatures = std::string(kConfig) + "CONFIG_MODULE_SIG=y\n";
  Fixture f(with_signatures);
  REQUIRE(f.run({"--print", "plan"}) == 0);  // below --root: another machine's kernel
  CHECK(
      f.said("kept whole with their signatures: the machine that it is for may load none without"));
  REQUIRE(f.run({"--print", "plan", "--signatures", "drop"}) == 0);
  CHECK(!f.said("signatures"));
  REQUIRE(f.run({"--print", "plan", "--append", "fips=1"}) == 0);
  CHECK(f.said("signatures: --append has fips=1"));
  for (const auto& [file, text] : {std::pair{"/proc/cmdline", "root=/dev/sda1 fips=1 quiet\n"},
                                   {"/proc/sys/crypto/fips_enabled", "1\n"}}) {
    const std::string before = f.host.files[file];
    f.host.files[file] = text;
    REQUIRE(f.run({"--print", "plan"}) == 0);
    CHECK(f.said("signatures: this machine is in FIPS mode"));
    f.host.files[file] = before;
  }
  f.host.files["/sys/module/module/parameters/sig_enforce"] = "Y\n";
  REQUIRE(f.run({"--print", "append", "--signatures", "drop"}) == 0);
  CHECK(contains(f.err, "--signatures drop: the kernel loads no module without one"));
  CHECK(f.run({"--signatures", "maybe"}) == 2);

  Fixture none;  // a kernel that knows no signatures
  REQUIRE(none.run({"--print", "plan"}) == 0);
  CHECK(!none.said("signatures"));
  REQUIRE(none.run({"--print", "plan", "--signatures", "keep"}) == 0);
  CHECK(none.said("kept whole with their signatures: asked for"));
}

TEST_CASE("mkcapture: a name by probe order becomes a UUID, a raw one a PARTUUID") {
  Fixture f;
  CHECK(contains(f.baked({"-t", "disk:/dev/vda1:/x"}),
                 "target=disk:UUID=" + std::string(fakes::kRootUuid) + ":/x\n"));
  CHECK(contains(f.baked({"-t", "raw:/dev/vda2"}), "target=raw:PARTUUID=aaaa-02\n"));
  REQUIRE(f.run({"-t", "disk:/dev/vda1:/x", "--print", "plan"}) == 0);
  CHECK(f.said("was /dev/vda1"));
}

TEST_CASE("mkcapture: a raw target's name outlives the dump, or is refused") {
  Fixture f;
  f.host.tags["/dev/vda2"] = {"swap", "swap-uuid", "swap", "aaaa-02", "dump"};
  CHECK(contains(f.baked({"-t", "raw:UUID=swap-uuid"}), "target=raw:PARTUUID=aaaa-02\n"));
  CHECK(contains(f.baked({"-t", "raw:LABEL=swap"}), "target=raw:PARTUUID=aaaa-02\n"));
  CHECK(f.run({"-t", "raw:UUID=elsewhere", "--drivers", "generic"}) == 2);
  CHECK(contains(f.err, "raw:UUID=elsewhere: the first dump overwrites that name"));
  f.host.claimed["/dev/vda2"] = EBUSY;
  CHECK(f.run({"-t", "raw:PARTUUID=aaaa-02"}) == 2);
  CHECK(contains(f.err, "/dev/vda2 is in use (active swap"));
  f.host.claimed.clear();
  f.host.tags["/dev/vda2"].type = "LVM2_member";
  CHECK(f.run({"-t", "raw:PARTUUID=aaaa-02"}) == 2);
  CHECK(contains(f.err, "/dev/vda2 holds LVM2_member, and only an empty one"));
}

TEST_CASE("mkcapture: names that only udev makes become tags, or are refused") {
  Fixture f;
  f.host.links["/dev/disk/by-id/virtio-1-part1"] = "/dev/vda1";
  CHECK(contains(f.baked({"-t", "disk:/dev/disk/by-id/virtio-1-part1:/x"}),
                 "target=disk:UUID=" + std::string(fakes::kRootUuid) + ":/x\n"));
  CHECK(f.run({"-t", "disk:/dev/disk/by-path/pci-9:/x", "--drivers", "generic"}) == 2);
  CHECK(contains(f.err, "the capture kernel has no udev that makes this name"));
}

TEST_CASE("mkcapture: the image knows which kernel it is for") {
  Fixture f;
  CHECK(contains(f.baked({}), "\nkernel=6.1.0-test\n"));
}

TEST_CASE("mkcapture: a raw target is no device that something uses") {
  Fixture f;
  CHECK(f.run({"-t", "raw:/dev/vda1"}) == 2);
  CHECK(contains(f.err, "--target: /dev/vda1 is mounted; a raw target overwrites all of it"));
  CHECK(f.run({"-t", "raw:/dev/vda"}) == 2);
  CHECK(contains(f.err, "/dev/vda has partitions (vda1, vda2);"));
  f.host.files[*f.host.real_path("/sys/dev/block/254:2") + "/holders/dm-0/dev"] = "253:0\n";
  CHECK(f.run({"-t", "raw:/dev/vda2"}) == 2);
  CHECK(contains(f.err, "/dev/vda2 is used by dm-0;"));
  f.host.files["/proc/self/mountinfo"] = "30 1 0:25 / /srv rw - btrfs /dev/vda2 rw,subvol=/\n";
  CHECK(f.run({"-t", "raw:PARTUUID=aaaa-02"}) == 2);
  CHECK(contains(f.err, "/dev/vda2 is mounted;"));
}

TEST_CASE("mkcapture: a stack that no image can bring up is an error now, not at the crash") {
  Fixture f;
  f.host.add_block("/sys/devices/virtual/block/md0", {9, 0}, {"ext4", "md-uuid", "", "", ""});
  f.host.files["/sys/devices/virtual/block/md0/md/level"] = "raid1\n";
  f.host.files["/sys/devices/virtual/block/md0/md/metadata_version"] = "external:/md127/0\n";
  CHECK(f.run({"-t", "disk:UUID=md-uuid:/x"}) == 2);
  CHECK(contains(f.err,
                 "md0 is an md array (raid1) with metadata external:/md127/0, which needs mdmon"));
}

TEST_CASE(
    "mkcapture: an array brings its layer and its level's module; /init loads that by itself") {
  Fixture f;
  auto more = modules();
  more.push_back({"drivers/md/md-mod.ko", {}});
  more.push_back({"drivers/md/raid1.ko", {"depends=md-mod"}});
  more.push_back({"drivers/md/dm-mod.ko", {}});
  write_kernel_tree(f.tree, kRelease, more, {"fs/vfat/vfat.ko"});
  const std::string md = "/sys/devices/virtual/block/md0";
  f.host.add_block(md, {9, 0}, {"ext4", "md-uuid", "", "", ""});
  f.host.files[md + "/md/level"] = "raid1\n";
  f.host.files[md + "/md/metadata_version"] = "1.2\n";
  f.host.files[md + "/md/raid_disks"] = "2\n";
  f.host.links[md + "/slaves/vda2"] = f.host.links["/sys/class/block/vda2"];
  f.host.tags["/dev/vda2"] = {"linux_raid_member", "01234567-89ab-cdef-0123-456789abcdef", "", "",
                              ""};
  const std::string layer = "layer=md:0123456789abcdef0123456789abcdef:2:md0\n";

  const std::string conf = f.baked({"-t", "disk:/dev/md0:/x"});
  CHECK(contains(conf, "target=disk:UUID=md-uuid:/x\n"));
  CHECK(contains(conf, layer));
  CHECK(contains(conf, "drivers=virtio_pci,virtio_blk\n"));
  CHECK(f.has("lib/modules/raid1.ko"));
  CHECK(f.has("lib/modules/md_mod.ko"));
  CHECK(!f.has("lib/modules/dm_mod.ko"));
  REQUIRE(f.run({"-t", "disk:/dev/md0:/x", "--print", "plan"}) == 0);
  CHECK(f.said("       md0: md raid1 of 2 members, metadata 1.2\n         vda2\n"));

  CHECK(f.run({"-t", "disk:/dev/md0:/x", "--drivers", "virtio_pci,virtio_blk,ext4"}) == 2);
  CHECK(contains(f.err, "the list lacks 'md', which md0 on vda2 needs"));
  CHECK(contains(f.baked({"-t", "disk:/dev/md0:/x", "--drivers", "virtio_pci,virtio_blk,ext4,md"}),
                 layer));
  CHECK(contains(f.baked({"-t", kDisk, "--drivers", "virtio_pci,virtio_blk,ext4,lvm"}),
                 "layer=lvm\n"));
  const std::string generic = f.baked({"-t", kDisk, "--drivers", "generic"});
  CHECK(contains(generic, "layer=md\nlayer=lvm\n"));
  CHECK(f.has("lib/modules/dm_mod.ko"));
  CHECK(f.run({"-t", "raw:/dev/md0"}) == 2);
  CHECK(f.err ==
        "mkcapture: --target: md0 on vda2 is no plain partition, and only that has a name which "
        "outlives the first dump: give one, or a file system on /dev/md0 (disk:)\n");
}

TEST_CASE("mkcapture: NFS brings its version, DHCP and the card that leads to the server") {
  Fixture f;
  const std::string conf = f.baked({"-t", "nfs://10.0.0.9/export?vers=4.2"});
  CHECK(contains(conf, "ip=52-54-00-aa-bb-cc:dhcp\n"));
  CHECK(contains(conf, "virtio_net"));
  CHECK(f.has("lib/modules/nfsv4.ko"));
  CHECK(!f.has("lib/modules/nfsv3.ko"));
  CHECK(f.has("bin/udhcpc"));
  CHECK(!f.has("bin/dbclient"));
  (void)f.baked({"-t", "nfs://10.0.0.9/export?vers=3"});
  CHECK(f.has("lib/modules/nfsv3.ko"));
  CHECK(!f.has("lib/modules/nfsv4.ko"));
  CHECK(f.run({"-t", "nfs://10.0.0.9/export?vers=2"}) == 2);
}

TEST_CASE(
    "mkcapture: an address that was set for good goes along, a leased one is asked for again") {
  Fixture f;
  f.host.interface_addresses["enp1s0"] = {{"10.0.0.5", 8, true}};
  CHECK(contains(f.baked({"-t", "nfs://192.0.2.9/e"}),
                 "ip=10.0.0.5::10.0.0.1:8::52-54-00-aa-bb-cc:off\n"));
  CHECK(!f.has("bin/udhcpc"));
  f.host.interface_addresses["enp1s0"] = {{"10.0.0.5", 8, false}};
  CHECK(contains(f.baked({"-t", "nfs://192.0.2.9/e"}), "ip=52-54-00-aa-bb-cc:dhcp\n"));
}

TEST_CASE("mkcapture: --ip, --vlan and --bond go in, cards by their MAC") {
  Fixture f;
  const std::string conf =
      f.baked({"-t", "nfs://10.0.0.9/e", "--bond", "bond0:enp1s0:mode=active-backup", "--vlan",
               "vlan7:bond0", "--ip", "10.0.0.5::10.0.0.1:255.0.0.0::vlan7:off"});
  CHECK(contains(conf, "bond=bond0:52-54-00-aa-bb-cc"));
  CHECK(contains(conf, "vlan=vlan7:bond0\n"));
  CHECK(contains(conf, "ip=10.0.0.5:"));
  CHECK(f.has("lib/modules/bonding.ko"));
  CHECK(f.has("lib/modules/8021q.ko"));
  CHECK(f.has("lib/modules/virtio_net.ko"));
  CHECK(!f.has("bin/udhcpc"));  // nothing asks for DHCP

  REQUIRE(f.run({"-t", "nfs://10.0.0.9/e", "--ip", "wlan7:dhcp", "--print", "plan"}) == 0);
  CHECK(f.said("no card of this machine is called wlan7"));
}

TEST_CASE("mkcapture: a server's name is resolved now and baked in") {
  Fixture f;
  f.host.names["backup.example"] = {"10.0.0.9"};
  (void)f.baked({"-t", "nfs://backup.example/e"});
  REQUIRE(f.has("etc/hosts"));
  CHECK(contains(f.image.find("etc/hosts")->data, "10.0.0.9 backup.example\n"));
  CHECK(f.run({"-t", "nfs://unknown.example/e", "--ip", "10.0.0.5::::::off"}) == 2);
}

TEST_CASE("mkcapture: SSH needs a key and the server's host key") {
  Fixture f;
  const std::string key = f.tree.write("id", std::string("\0\0\0\x0bssh-ed25519", 15) + "rest");
  const std::string known = f.tree.write("known", "10.0.0.9 ssh-ed25519 AAAAC3Nz me\n");
  const std::string target = "ssh://dump@10.0.0.9/var/dumps";
  (void)f.baked({"-t", target, "--ssh-key", key, "--ssh-known-hosts", known});
  CHECK(f.has("bin/dbclient"));
  REQUIRE(f.has("etc/ssh/id_dropbear"));
  CHECK(f.image.find("etc/ssh/id_dropbear")->mode == 0600);
  CHECK(f.image.find("root/.ssh/known_hosts")->data == "10.0.0.9 ssh-ed25519 AAAAC3Nz\n");

  CHECK(f.run({"-t", target}) == 2);
  CHECK(f.err.starts_with("mkcapture: --ssh-key: "));
  CHECK(f.run({"-t", target, "--ssh-key", key}) == 2);
  CHECK(f.err.starts_with("mkcapture: --ssh-known-hosts: "));
  CHECK(f.run({"-t", target, "--ssh-key", "/nowhere/id", "--ssh-known-hosts", known}) == 2);
  CHECK(f.err == "mkcapture: --ssh-key: /nowhere/id: No such file or directory\n");
  const std::string other = f.tree.write("other", "10.0.0.8 ssh-ed25519 AAAAC3Nz\n");
  CHECK(f.run({"-t", target, "--ssh-key", key, "--ssh-known-hosts", other}) == 2);
  CHECK(contains(f.err, "no host key of 10.0.0.9"));
}

TEST_CASE("mkcapture: --shell puts the shell in") {
  Fixture f;
  const std::string conf = f.baked({"--shell", "--on-failure", "shell"});
  CHECK(f.has("bin/busybox"));
  CHECK(contains(conf, "shell_allowed=1\n"));
  CHECK(contains(conf, "on_failure=shell\n"));
}

TEST_CASE("mkcapture: --add-file") {
  Fixture f;
  const std::string source = f.tree.write("note.txt", "hello");
  (void)f.baked({"--add-file", source + ":/etc/note"});
  REQUIRE(f.has("etc/note"));
  CHECK(f.image.find("etc/note")->data == "hello");
  CHECK(f.run({"--add-file", "/nowhere/x"}) == 2);
  CHECK(f.err == "mkcapture: --add-file: /nowhere/x: no such file\n");
}

TEST_CASE("mkcapture: limits and actions are baked in") {
  Fixture f;
  const std::string conf = f.baked({"--deadline", "10min", "--wait", "7s", "--stall", "9s",
                                    "--final", "poweroff", "--on-failure", "halt", "--dump-level",
                                    "0", "--dump-format", "elf", "--dump-compress", "none"});
  for (const char* line :
       {"deadline=10min", "wait=7s", "stall=9s", "final=poweroff", "on_failure=halt",
        "dump_level=0", "dump_format=elf", "dump_compress=none"})
    CHECK_MESSAGE(contains(conf, std::string(line) + "\n"), line);
}

TEST_CASE("mkcapture: --compress") {
  Fixture f;
  const std::pair<const char*, std::string> magics[] = {{"none", "070701"},
                                                        {"gzip", "\x1f\x8b"},
                                                        {"xz",
                                                         "\xfd"
                                                         "7zXZ"}};
  for (const auto& [name, magic] : magics) {
    (void)f.baked({"--compress", name});
    CHECK_MESSAGE(f.tree.read("baked.img").starts_with(magic), name);
  }
  CHECK(f.run({"--compress", "zstd"}) == 2);
  CHECK(f.err ==
        "mkcapture: --compress: kernel 6.1.0-test cannot unpack zstd (CONFIG_RD_ZSTD is "
        "not set)\n");
}

TEST_CASE("mkcapture: --kernel, --root, --profile, --payload that are not there") {
  Fixture f;
  CHECK(f.run({"--kernel", "5.0"}) == 2);
  CHECK(contains(f.err, "--kernel: no modules in "));
  CHECK(f.run({"--profile", "vax"}) == 2);
  CHECK(f.err.starts_with("mkcapture: profile: 'vax' is not known"));
  CHECK(f.run({"--payload", "/nowhere"}) == 2);
  CHECK(f.err == "mkcapture: --payload: /nowhere: no such folder\n");
  CHECK(f.run_plain({"--root", "/nowhere", "-t", kDisk}) == 1);
  CHECK(f.err ==
        "mkcapture: no kernel modules in /nowhere/lib/modules: install a kernel package, "
        "or give --root DIR\n");
}

TEST_CASE("mkcapture: --kernel chooses among the trees; else the running one, else the newest") {
  Fixture f;
  write_kernel_tree(f.tree, "6.2.0-test", modules(), {});
  const auto chosen = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"-t", kDisk, "--print", "plan"});
    REQUIRE_MESSAGE(f.run(arguments) == 0, f.err);
    const auto at = f.out.find("release");
    return f.out.substr(at, f.out.find('\n', at) - at);
  };
  CHECK(chosen({"--kernel", kRelease}).ends_with(" 6.1.0-test"));
  CHECK(chosen({"-k", "6.2.0-test"}).ends_with(" 6.2.0-test"));
  CHECK(chosen({}).ends_with(" 6.1.0-test"));  // runs
  f.host.release = "5.10.0-other";
  CHECK(chosen({}).ends_with(" 6.2.0-test"));
  write_kernel_tree(f.tree, "6.3.0-test+debug", modules(), {});
  CHECK(chosen({}).ends_with(" 6.2.0-test"));
  CHECK(!f.said("debugging"));
  f.host.release = "6.3.0-test+debug";
  CHECK(chosen({}).ends_with(" 6.3.0-test+debug"));
  CHECK(f.said(
      "kernel 6.3.0-test+debug is made for debugging and takes much more memory than others: "
      "--kernel 6.2.0-test does not"));
}

TEST_CASE("mkcapture: --root of another machine: nothing of this one gets into the image") {
  Fixture f;
  f.host.own_root.clear();
  f.host.files["/sys/class/watchdog/watchdog0/identity"] = "i6300ESB timer\n";
  f.host.interface_addresses["enp1s0"] = {{"10.0.0.5", 8, true}};

  CHECK(f.run({"--print", "plan"}) == 2);
  CHECK(f.err ==
        "mkcapture: no --target given: /var/crash of this machine says nothing about "
        "another one, and this image is for the machine of " +
            f.tree.path() + "\n");
  CHECK(f.run({"-t", kDisk, "--drivers", "host", "--print", "plan"}) == 2);
  CHECK(contains(f.err, "host: LABEL=elsewhere is not on this machine"));

  const std::string disk = f.baked({"-t", "disk:UUID=" + std::string(fakes::kRootUuid) + ":/x"});
  CHECK(contains(disk, "autoload=storage\n"));
  CHECK(!contains(disk, "drivers=virtio_pci"));
  CHECK(f.has("lib/modules/ahci.ko"));  // what that machine may have

  const std::string nfs = f.baked({"-t", "nfs://10.0.0.9/dumps"});
  CHECK(contains(nfs, "autoload=net\n"));
  CHECK(!contains(nfs, "10.0.0.5"));
  CHECK(!contains(nfs, "52-54-00"));
  CHECK(!contains(nfs, "\nip="));
  CHECK(!contains(nfs, "watchdog0"));
  REQUIRE(f.run({"-t", "nfs://10.0.0.9/dumps", "--print", "plan"}) == 0);
  CHECK(f.said("x86_64, for the machine of " + f.tree.path()));
  CHECK(!f.said("enp1s0"));
  CHECK(!f.said("mitigations"));  // of this machine's line
  CHECK(!f.said("with the 2"));   // its RAM
}

TEST_CASE("mkcapture: drivers that others add are known by what they drive") {
  Fixture f;
  auto more = modules();
  more.push_back({"../updates/drivers/scsi/array.ko", {}});
  more.push_back({"../weak-updates/vendor/drivers/net/card.ko", {}});
  more.push_back({"../extra/anything.ko", {}});
  write_kernel_tree(f.tree, kRelease, more, {});
  const std::string conf = f.baked({"--drivers", "virtio_blk,ext4,array,card,anything"});
  CHECK(contains(conf, "module=array|||storage\n"));
  CHECK(contains(conf, "module=card|||net\n"));
  CHECK(contains(conf, "module=anything|||\n"));
}

TEST_CASE("mkcapture: watchdogs of this machine, of any, and those that a LIST leaves out") {
  Fixture f;
  auto more = modules();
  more.push_back({"drivers/watchdog/i6300esb.ko", {"alias=pci:v00008086d000025ABsv*sd*bc*sc*i*"}});
  more.push_back({"drivers/char/ipmi/ipmi_msghandler.ko", {}});
  more.push_back({"drivers/char/ipmi/ipmi_watchdog.ko", {"depends=ipmi_msghandler"}});
  more.push_back(
      {"drivers/char/ipmi/ipmi_si.ko", {"depends=ipmi_msghandler", "alias=acpi*:IPI0001:*"}});
  write_kernel_tree(f.tree, kRelease, more, {});
  // By the device's alias, and by name what no device tells of.
  const std::string generic = f.baked({"--drivers", "generic"});
  CHECK(contains(generic, "watchdog=ipmi_si,ipmi_watchdog\nwatchdog_autoload=1\n"));
  CHECK(contains(generic, "module=i6300esb|||watchdog\n"));
  CHECK(contains(f.image.find("etc/modules.alias")->data, "i6300esb"));

  const std::string device = "/sys/devices/pci0000:00/0000:00:04.0";
  f.host.bind_driver(device, "i6300ESB timer", "i6300esb");
  f.host.files[device + "/watchdog/watchdog0/identity"] = "i6300ESB timer\n";
  f.host.links["/sys/class/watchdog/watchdog0"] = device + "/watchdog/watchdog0";
  const std::string here = f.baked({});
  CHECK(contains(here, "watchdog=i6300esb\n"));
  CHECK(!contains(here, "autoload=1"));
  CHECK(!f.has("lib/modules/ipmi_watchdog.ko"));
  REQUIRE(f.run({"--print", "plan"}) == 0);
  CHECK(
      f.said("watchdog  watchdog0 (i6300ESB timer): fed until the deadline, then it resets the "
             "machine\n"));
  REQUIRE(f.run({"--drivers", "virtio_blk,ext4", "--print", "plan"}) == 0);
  CHECK(
      f.said("watchdog  watchdog0 (i6300ESB timer) of this machine is not fed: add watchdog to "
             "--drivers\n"));
}

TEST_CASE("mkcapture: the kernel's configuration where the tree has no file of it") {
  Fixture f("");
  const std::string config = compress(kConfig, {Compressor::kGzip, false})->bytes;
  const auto told = [&] {
    REQUIRE_MESSAGE(f.run({"-t", kDisk, "--print", "plan"}) == 0, f.err);
    const auto at = f.out.find("configuration  ") + 15;
    return f.out.substr(at, f.out.find('\n', at) - at);
  };
  CHECK(told() == "not found");
  CHECK(
      f.said("no configuration of kernel 6.1.0-test (boot/config-6.1.0-test, "
             "lib/modules/6.1.0-test/config, IKCONFIG in its image)"));
  const std::string image =
      f.tree.write("boot/vmlinuz-6.1.0-test", "kernel IKCFG_ST" + config + "IKCFG_ED more");
  CHECK(told() == image + " (IKCONFIG)");
  CHECK(f.said("xz: least memory"));
  f.host.files["/proc/config.gz"] = config;
  CHECK(told() == "/proc/config.gz");
  // Of another kernel than the one that runs, and of another machine's, it says nothing.
  f.host.release = "6.2.0";
  CHECK(told() == image + " (IKCONFIG)");
  f.host.release = kRelease;
  f.host.own_root.clear();
  CHECK(told() == image + " (IKCONFIG)");
  const std::string file = f.tree.write("lib/modules/6.1.0-test/config", kConfig);
  CHECK(told() == file);
}

// An option that does nothing is a word that is not true.
TEST_CASE("mkcapture: each option changes the plan, the load command or the image") {
  Fixture f(std::string(kConfig) + "CONFIG_RD_ZSTD=y\nCONFIG_MODULE_SIG=y\n");
  write_kernel_tree(f.tree, "6.2.0-test", modules(), {});
  f.tree.write("boot/config-6.2.0-test", kConfig);
  f.tree.write("boot/vmlinuz-6.2.0-test", "kernel");
  const std::string file = f.tree.write("text", "hello");
  const std::string profile =
      f.tree.write("mine.toml",
                   "machines = [\"x86_64\"]\ntriple = \"x\"\n[kernel]\n"
                   "images = [\"boot/vmlinuz-{release}\"]\n[drivers]\nfilesystems = [\"ext4\"]\n"
                   "[crashkernel]\nkernel_memory = \"64M\"\nrecommended = \"0-:128M\"\n");
  std::filesystem::create_directory(f.tree.path("more"));
  std::filesystem::copy(f.tree.path("payload"), f.tree.path("more"),
                        std::filesystem::copy_options::recursive);
  f.tree.write("more/init", "another program");
  const std::string nfs = "--target=nfs://10.0.0.9/dumps";
  // What it is added to, where it means nothing by itself, and a value that is not the default.
  const std::map<std::string, std::pair<std::vector<std::string>, std::string>> samples = {
      {"profile", {{}, profile}},
      {"output", {{}, f.tree.path("elsewhere.img")}},
      {"kernel", {{}, "6.2.0-test"}},
      {"kernel_image", {{}, file}},
      {"targets", {{}, kDisk}},
      {"ip", {{nfs}, "10.0.0.7::10.0.0.1:255.0.0.0::eth0:off"}},
      {"vlan", {{nfs, "--ip=vlan7:dhcp"}, "vlan7:enp1s0"}},
      {"bond", {{nfs, "--ip=bond0:dhcp"}, "bond0:enp1s0"}},
      {"drivers", {{}, "generic"}},
      {"add_driver", {{}, "extra"}},
      {"omit_driver", {{"--drivers=generic"}, "ahci"}},
      {"module_option", {{}, "virtio_blk.queues=1"}},
      {"signatures", {{}, "keep"}},
      {"add_file", {{}, file}},
      {"compress", {{}, "zstd"}},
      {"append", {{}, "quiet"}},
      {"dump.level", {{}, "1"}},
      {"dump.format", {{}, "elf"}},
      {"dump.compress", {{}, "zlib"}},
      {"deadline", {{}, "7min"}},
      {"wait", {{}, "7s"}},
      {"stall", {{}, "7s"}},
      {"final", {{}, "halt"}},
      {"on_failure", {{}, "poweroff"}},
      {"shell", {{}, ""}},
      {"keep", {{}, "3"}},
      {"reserve", {{}, "64M"}},
      {"payload", {{}, f.tree.path("more")}},
  };
  // Elsewhere: --root (every test here), keys (test_ssh_key, test_known_hosts), channel devices
  // (test_architectures), on_dump (test_dumps).
  const std::set<std::string> elsewhere = {"root", "ssh_key", "ssh_known_hosts", "channel",
                                           "on_dump"};
  const auto all_of_it = [&](std::vector<std::string> arguments) {
    std::string text;
    for (const char* what : {"plan", "append", "kexec"}) {
      auto printing = arguments;
      printing.insert(printing.end(), {"--print", what});
      CHECK_MESSAGE(f.run(printing) == 0, f.err);
      text += f.out;
    }
    // The last word counts: the image goes where this test reads it.
    std::filesystem::remove(f.tree.path("elsewhere.img"));
    arguments.push_back("--output=" + f.tree.path("each.img"));
    CHECK_MESSAGE(f.run(arguments) == 0, f.err);
    return text + f.tree.read("each.img");
  };
  for (const auto& field : setting_fields()) {
    const std::string key(field.key);
    CAPTURE(key);
    if (elsewhere.contains(key)) continue;
    const auto sample = samples.find(key);
    REQUIRE(sample != samples.end());
    auto [arguments, value] = sample->second;
    if (key != "signatures") arguments.insert(arguments.begin(), "--signatures=drop");
    if (key == "signatures") f.host.files["/proc/cmdline"] = "quiet\n";
    const std::string before = all_of_it(arguments);
    CHECK(before == all_of_it(arguments));
    arguments.emplace_back(long_option(field));
    if (!value.empty()) arguments.back() += "=" + value;
    CHECK(before != all_of_it(arguments));
  }
}

TEST_CASE("mkcapture: --profile takes a file") {
  Fixture f;
  const std::string file = f.tree.write("mine.toml", R"(machines = ["x86_64"]
triple = "x86_64-linux-musl"
[kernel]
images = ["boot/vmlinuz-{release}"]
[command_line]
add = ["mine=1"]
[crashkernel]
kernel_memory = "64M"
recommended = "0-:128M"
)");
  REQUIRE_MESSAGE(f.run({"-p", file, "-t", kDisk, "--drivers", "ext4", "--print", "append"}) == 0,
                  f.err);
  CHECK(f.out.starts_with("mine=1 "));  // then what every architecture has
  f.tree.write("mine.toml", "machine = 1\n");
  CHECK(f.run({"-p", file, "-t", kDisk, "--print", "append"}) == 2);
  CHECK(f.err.starts_with("mkcapture: " + file + ":1: machine: "));
}

TEST_CASE("mkcapture: --append that no kernel would take whole is warned of") {
  Fixture f;
  REQUIRE(f.run({"--append", std::string(2100, 'x'), "--print", "append"}) == 0);
  CHECK(contains(f.err, "kernels cut it off at 2048"));
}

TEST_CASE("mkcapture: --verbose says what was planned") {
  Fixture f;
  REQUIRE(f.run({"-v", "-o", f.tree.path("v.img")}) == 0);
  CHECK(f.said("Drivers (host)"));
  CHECK(f.said("needed by ext4"));
}

// Each way in which a build can be refused, and what it says.
TEST_CASE("mkcapture: what the build refuses, the plan refuses with the same words") {
  const auto refused = [](Fixture& f, std::vector<std::string> arguments, const std::string& why) {
    CAPTURE(why);
    if (std::none_of(arguments.begin(), arguments.end(),
                     [](const auto& argument) { return argument.starts_with("--output"); }))
      arguments.push_back("--output=" + f.tree.path("x.img"));
    const int built = f.run_plain(arguments);
    CHECK(built != 0);
    const std::string said = f.err;
    CHECK_MESSAGE(contains(said, why), said);
    CHECK(!std::filesystem::exists(f.tree.path("x.img")));
    arguments.insert(arguments.end(), {"--print", "plan"});
    CHECK(f.run_plain(arguments) == built);
    CHECK(f.err == said);
    CHECK(f.out.empty());
  };
  Fixture f;
  const std::string root = "--root=" + f.tree.path(),
                    payload = "--payload=" + f.tree.path("payload");
  const std::string key = "--ssh-key=" + f.tree.path("absent");
  refused(f, {root}, "builder/bootstrap x86_64 builds them");
  refused(f, {root, payload, "--output=" + f.tree.path("no/x.img")}, "no such folder");
  refused(f, {root, payload, "--output=" + f.tree.path("payload")}, "is there and not a file");
  refused(f, {root, payload, "--add-file", f.tree.path("payload")}, "a folder");
  refused(f, {root, payload, "--add-file", f.tree.path("absent")}, "no such file");
  refused(f, {root, payload, "--add-file", f.tree.path("payload/init") + ":/init"},
          "something else in the image");
  refused(f, {root, payload, "-t", "ssh://u@10.0.0.9/x", "--ssh-known-hosts=/x", key}, "absent");
  std::filesystem::remove(f.tree.path("payload/busybox"));
  refused(f, {root, payload, "--shell"}, "payload/busybox: not there");
  f.tree.write("lib/modules/6.1.0-test/kernel/fs/ext4/ext4.ko", "no module");
  refused(f, {root, payload}, "ext4.ko");
}

TEST_CASE("mkcapture: what the plan accepts, the build accepts, and each refuses with the other") {
  Fixture f;
  f.host.names["backup.example"] = {"10.0.0.9"};
  f.host.tags["/dev/vda2"] = {"", "", "", "aaaa-02", "dump"};
  const std::string text = f.tree.write("text", "hello"), listed = "virtio_pci,virtio_blk,ext4";
  const std::string key = f.tree.write("key", "no key"), absent = f.tree.path("absent");
  const std::vector<std::vector<std::string>> requests = {
      {},
      {"--drivers", "generic"},
      {"-t", kDisk},
      {"-t", kDisk, "--drivers", listed},
      {"-t", kDisk, "--drivers", "host"},
      {"-t", kDisk, "--drivers", "virtio_pci,virtio_blk"},
      {"-t", "disk:/dev/vda1:/x"},
      {"-t", "disk:/dev/vda9:/x"},
      {"-t", "raw:/dev/vda2"},
      {"-t", "raw:/dev/vda1"},
      {"-t", "raw:UUID=elsewhere"},
      {"-t", "nfs://10.0.0.9/dumps"},
      {"-t", "nfs://backup.example/dumps?vers=4.2"},
      {"-t", "nfs://nobody.example/dumps"},
      {"-t", "nfs://10.0.0.9/dumps?vers=5"},
      {"-t", "nfs://10.0.0.9/dumps", "--ip", "eth9:dhcp"},
      {"-t", "nfs://10.0.0.9/dumps", "--vlan", "vlan7:enp1s0", "--ip", "vlan7:dhcp"},
      {"-t", "ssh://u@10.0.0.9/x"},
      {"-t", "ssh://u@10.0.0.9/x", "--ssh-key", key, "--ssh-known-hosts", text},
      {"-t", "ssh://u@10.0.0.9/x", "--ssh-key", absent, "--ssh-known-hosts", text},
      {"-t", kDisk, "-t", "nfs://10.0.0.9/dumps"},
      {"--shell"},
      {"--add-file", text},
      {"--add-file", text + ":/etc/capture.conf"},
      {"--add-file", text + ":/dev"},
      {"--add-file", text + ":/a/../b"},
      {"--add-file", absent},
      {"--add-driver", "extra"},
      {"--add-driver", "nosuch"},
      {"--omit-driver", "ext4"},
      {"--module-option", "virtio_blk.queues=1"},
      {"--compress", "none"},
      {"--compress", "lz4"},
      {"--signatures", "keep"},
      {"--kernel", "5.0"},
      {"--kernel-image", absent},
      {"--payload", absent},
      {"--dump-level", "0", "--keep", "3", "--reserve", "1G"},
      {"--channel", "0.0.0200"},
      {"--output", absent + "/x.img"},
  };
  int accepted = 0;
  for (const auto& request : requests) {
    auto arguments = request;
    if (std::find(arguments.begin(), arguments.end(), "--output") == arguments.end())
      arguments.push_back("--output=" + f.tree.path("x.img"));
    std::string words;
    for (const auto& word : request)
      words += word + " ";
    CAPTURE(words);
    std::filesystem::remove(f.tree.path("x.img"));
    const int built = f.run(arguments);
    const std::string said = f.err;
    CHECK(std::filesystem::exists(f.tree.path("x.img")) == (built == 0));
    arguments.insert(arguments.end(), {"--print", "plan"});
    CHECK_MESSAGE(f.run(arguments) == built, said);
    // Warnings are a part of the plan's own text.
    if (built != 0) CHECK(f.err == said);
    if (built == 0) ++accepted;
  }
  CHECK(accepted >= 15);
  CHECK(static_cast<int>(requests.size()) - accepted >= 15);
}

TEST_CASE("mkcapture: the smallest /init that is enough for the image") {
  Fixture f;
  CHECK(f.run({"--print", "plan"}) == 0);  // a payload may have the whole one alone
  CHECK(f.said("  init           with network, LVM and md\n"));
  f.tree.write("payload/init-disk", "the smallest");
  f.tree.write("payload/init-plain", "the smaller one");
  const auto init = [&](const std::vector<std::string>& arguments) {
    (void)f.baked(arguments);
    return f.image.find("init")->data;
  };
  CHECK(init({}) == "the smallest");
  CHECK(init({"-t", "raw:/dev/vda2"}) == "the smallest");
  CHECK(init({"-t", "nfs://10.0.0.9/dumps"}) == "the smaller one");
  CHECK(f.run({"-t", "nfs://10.0.0.9/dumps", "--print", "plan"}) == 0);
  CHECK(f.said("  init           with network, without LVM and md\n"));
  CHECK(init({"-t", "raw:/dev/vda2", "-t", "nfs://10.0.0.9/dumps"}) == "the smaller one");
  CHECK(init({"-t", kDisk, "--drivers", "generic"}) == "program init");  // has LVM and md
  CHECK(init({"-t", kDisk, "--drivers", "virtio_pci,virtio_blk,ext4"}) == "the smallest");
  REQUIRE(f.run({"--print", "plan"}) == 0);
  CHECK(f.said("  init           for disks alone, without network, LVM and md\n"));
}

TEST_CASE("mkcapture: the load command needs no programs for the image") {
  Fixture f;
  for (const char* what : {"kexec", "append"})
    CHECK(f.run_plain({"--root=" + f.tree.path(), "--print", what}) == 0);
}

TEST_CASE("mkcapture: an output that cannot be written is exit status 1 and leaves nothing") {
  Fixture f;
  CHECK(f.run({"-o", f.tree.path("no/such/folder.img")}) == 1);
  CHECK(f.err.starts_with("mkcapture: "));
  f.tree.write("old.img", "old");
  CHECK(f.run({"-o", f.tree.path("old.img"), "--add-driver", "nosuch"}) == 2);
  CHECK(f.tree.read("old.img") == "old");
}

TEST_CASE("mkcapture: a kernel that cannot capture is refused with the reason") {
  const auto without = [](const std::string& symbol) {
    std::string config = kConfig;
    const std::string line = "CONFIG_" + symbol + "=y\n";
    config.erase(config.find(line), line.size());
    return config;
  };
  for (const char* symbol : {"CRASH_DUMP", "PROC_VMCORE", "DEVTMPFS", "RELOCATABLE"}) {
    Fixture f(without(symbol));
    CHECK(f.run({"--print", "plan"}) == 1);
    CHECK_MESSAGE(f.err.starts_with(std::string("mkcapture: kernel 6.1.0-test has no CONFIG_") +
                                    symbol + ": as a capture kernel, "),
                  f.err);
  }
  Fixture unknown("");
  CHECK(unknown.run({"--print", "plan"}) == 0);
  CHECK(unknown.said("what it can do is not checked"));
}

TEST_CASE("mkcapture: --print append and kexec") {
  Fixture f;
  REQUIRE(f.run({"--print", "append", "--append", "debug console=hvc0"}) == 0);
  CHECK(f.out.ends_with(" debug console=hvc0\n"));
  CHECK(contains(f.out, "nr_cpus=1"));
  CHECK(!contains(f.out, "console=tty0"));  // the profile's, which --append replaces
  REQUIRE(f.run({"--print", "kexec", "-o", "/boot/capture.img"}) == 0);
  CHECK(f.out.starts_with("kexec -p " + f.tree.path("boot/vmlinuz-6.1.0-test") +
                          " --initrd=/boot/capture.img --append=\""));
}

TEST_CASE("mkcapture: kexec -s where signatures are enforced or nothing else is there") {
  Fixture file_only([] {
    std::string config = kConfig;
    config.erase(config.find("CONFIG_KEXEC=y\n"), 15);
    return config;
  }());
  REQUIRE(file_only.run({"--print", "kexec"}) == 0);
  CHECK(file_only.out.starts_with("kexec -p -s "));

  Fixture locked;
  locked.host.files["/sys/kernel/security/lockdown"] = "none [integrity] confidentiality\n";
  REQUIRE(locked.run({"--print", "kexec"}) == 0);
  CHECK(locked.out.starts_with("kexec -p -s "));
  REQUIRE(locked.run({"--print", "plan"}) == 0);
  CHECK(locked.said("signatures: the kernel loads no module without one"));
}

TEST_CASE("mkcapture: --print tree lists what --print plan and the image hold") {
  Fixture f;
  REQUIRE(f.run({"--print", "tree"}) == 0);
  for (const char* path : {"init", "etc/capture.conf", "lib/modules/ext4.ko"})
    CHECK_MESSAGE(f.said(path), path);
}

TEST_CASE("mkcapture: --config, and options above it") {
  Fixture f;
  const std::string file =
      f.tree.write("my.toml", "deadline = \"5min\"\nfinal = \"halt\"\n[dump]\nlevel = 0\n");
  const std::string conf = f.baked({"--config", file, "--final", "poweroff"});
  CHECK(contains(conf, "deadline=5min\n"));
  CHECK(contains(conf, "final=poweroff\n"));
  CHECK(contains(conf, "dump_level=0\n"));
  REQUIRE(f.run({"--config", file, "--print", "config"}) == 0);
  CHECK(f.said("deadline = \"5min\"  # " + file + ":1: deadline"));
  const std::string bad = f.tree.write("bad.toml", "\ndeadline = \"soon\"\n");
  CHECK(f.run({"--config", bad}) == 2);
  CHECK(f.err.starts_with("mkcapture: " + bad + ":2: deadline: "));
  CHECK(f.run({"--config", "/nowhere.toml"}) == 2);
}

TEST_CASE("mkcapture: --list, --version, --help, --quiet") {
  Fixture f;
  (void)f.baked({});
  REQUIRE(f.run_plain({"--list", f.tree.path("baked.img")}) == 0);
  CHECK(f.said("lib/modules/ext4.ko"));
  CHECK(f.run_plain({"--list", "/nowhere.img"}) != 0);
  REQUIRE(f.run_plain({"--version"}) == 0);
  CHECK(f.out == std::string("mkcapture ") + kVersion + "\n");
  CHECK(f.run_plain({"--help"}) == 0);
  CHECK(f.said("--target"));
  REQUIRE(f.run({"-q", "-o", f.tree.path("q.img")}) == 0);
  CHECK(f.out.empty());
  CHECK(f.err.empty());
}

TEST_CASE("mkcapture: the image knows how the page filter agreed with the running kernel") {
  Fixture f;
  CHECK(contains(f.baked({}), "filter_check=6.1.0-test c0ffee 31 9000/0 8000/3 7000/0 6000/1 0/0"));
  f.host.release = "6.1.0-other";
  CHECK(!contains(f.baked({"--kernel", "6.1.0-test"}), "filter_check="));
}

TEST_CASE("mkcapture: errors are one line") {
  Fixture f;
  CHECK(f.run({"--target", "disk:x\ny:/z"}) == 2);
  CHECK(std::count(f.err.begin(), f.err.end(), '\n') == 1);
  CHECK(f.err.starts_with("mkcapture: --target: "));
}

namespace {

// The plan without what differs from run to run: the temporary folder and sizes in it.
std::string stable(std::string text, const TempDir& tree) {
  for (std::size_t at; (at = text.find(tree.path())) != std::string::npos;)
    text.replace(at, tree.path().size(), "TREE");
  std::string kept;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = text.find('\n', at);
    const std::string line = text.substr(at, end - at);
    const char* const sizes[] = {" packed, ", "at the worst moment", "as files of the kernel",
                                 "  of these "};
    if (std::none_of(std::begin(sizes), std::end(sizes),
                     [&](const char* part) { return contains(line, part); }))
      kept += line + "\n";
    at = end + 1;
  }
  return kept;
}

void check_golden(const std::string& name, const std::string& text) {
  const std::string path = fakes::source_path("tests/golden/" + name);
  if (std::getenv("UPDATE_GOLDEN") != nullptr) std::ofstream(path) << text;
  std::ifstream in(path);
  const std::string golden{std::istreambuf_iterator<char>(in), {}};
  CHECK_MESSAGE(text == golden, name);
}

}  // namespace

TEST_CASE("mkcapture: plans in words, as golden files (UPDATE_GOLDEN=1 writes them)") {
  Fixture f;
  f.host.names["backup.example"] = {"10.0.0.9"};
  f.host.files["/boot/grub/grub.cfg"] = "";
  const std::string output = "--output=/boot/capture.img";
  REQUIRE(f.run({output, "--print", "plan"}) == 0);
  check_golden("plan-default.txt", stable(f.out, f.tree));
  REQUIRE(f.run({output, "-t", kDisk, "-t", "nfs://backup.example/export", "--drivers", "generic",
                 "--shell", "--print", "plan"}) == 0);
  check_golden("plan-generic-disk-nfs.txt", stable(f.out, f.tree));
  REQUIRE(f.run({output, "-t", kDisk, "--drivers", "virtio_pci,virtio_blk,ext4", "--print",
                 "kexec"}) == 0);
  check_golden("kexec-list.txt", stable(f.out, f.tree));
}
