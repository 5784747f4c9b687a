#include <doctest/doctest.h>

#include <cerrno>

#include "builder/plan/device_checks.h"
#include "init/contract/raw_content.h"
#include "tests/fakes/fake_host.h"

using namespace mkcapture;
using fakes::FakeHost;
using By = mkcapture::DeviceName::By;

namespace {

std::string error_of(const Status& status) {
  if (status) return "";
  CHECK(is_usage_error(status.error()));
  return status.error().message;
}

/// A virtual machine whose vda2 has this on it, and the file system's checks of it.
struct Checked {
  explicit Checked(BlockTags tags) : host(fakes::virtual_machine()) {
    host.tags["/dev/vda2"] = std::move(tags);
    host.files["/proc/meminfo"] =
        "MemTotal:       16777216 kB\nMemFree:         8388608 kB\nBuffers:               0 kB\n"
        "Cached:          4194304 kB\nSwapCached:            0 kB\nAnonPages:       2097152 kB\n";
    target.where = "vda2";
  }
  Status run(const std::string& path = "/crash", int level = 31) {
    return check_filesystem(host, describe_device(host, {254, 2}), path, level, "--target", target,
                            plan);
  }
  FakeHost host;
  TargetPlan target{};
  Plan plan;
};

constexpr std::uint64_t kGiB = std::uint64_t{1} << 30;

}  // namespace

TEST_CASE("device names: by UUID, and by the partition's where the content is overwritten") {
  const BlockTags both{"ext4", "fs-uuid", "label", "part-uuid", "part"};
  CHECK(better_name({By::kPath, "/dev/disk/by-id/wwn-1-part1"}, false, both) ==
        DeviceName{By::kUuid, "fs-uuid"});
  CHECK(better_name({By::kPath, "/dev/mapper/mpatha-part1"}, false, both) ==
        DeviceName{By::kUuid, "fs-uuid"});
  CHECK(better_name({By::kPath, "/dev/sda1"}, true, both) ==
        DeviceName{By::kPartUuid, "part-uuid"});
  CHECK(better_name({By::kUuid, "fs-uuid"}, true, both) == DeviceName{By::kPartUuid, "part-uuid"});
  CHECK(better_name({By::kLabel, "label"}, true, both) == DeviceName{By::kPartUuid, "part-uuid"});
  CHECK_FALSE(better_name({By::kLabel, "label"}, false, both));
  CHECK_FALSE(better_name({By::kPartLabel, "part"}, true, both));
  CHECK_FALSE(better_name({By::kUuid, "fs-uuid"}, true, {"ext4", "fs-uuid", "", "", ""}));
}

TEST_CASE("device names: what the capture kernel cannot have is refused") {
  Plan plan;
  const auto check = [&](By by, const std::string& value, bool overwritten, bool here) {
    return error_of(check_name({by, value}, overwritten, here, "--target", plan));
  };
  CHECK(check(By::kPath, "/dev/disk/by-id/ata-X", false, false) ==
        "--target: /dev/disk/by-id/ata-X: the capture kernel has no udev that makes this name, and "
        "this machine has no such device: write UUID=, LABEL=, PARTUUID= or PARTLABEL=");
  CHECK(
      check(By::kPath, "/dev/disk/by-path/pci-0", false, true) ==
      "--target: /dev/disk/by-path/pci-0: the capture kernel has no udev that makes this name, and "
      "the device has neither a UUID nor a partition's UUID: write UUID=, LABEL=, PARTUUID= or "
      "PARTLABEL=");
  const std::string once =
      ": the first dump overwrites that name, so the second would find nothing: name a partition "
      "by "
      "PARTUUID= or PARTLABEL=";
  CHECK(check(By::kUuid, "1-2", true, true) == "--target: raw:UUID=1-2" + once);
  CHECK(check(By::kLabel, "x", true, false) == "--target: raw:LABEL=x" + once);
  CHECK(check(By::kPath, "/dev/disk/by-label/x", true, false) ==
        "--target: raw:/dev/disk/by-label/x" + once);
  CHECK(plan.warnings.empty());

  CHECK(check(By::kPath, "/dev/disk/by-partuuid/1", true, false).empty());
  CHECK(check(By::kPath, "/dev/disk/by-uuid/1", false, false).empty());
  CHECK(check(By::kUuid, "1-2", false, false).empty());
  CHECK(check(By::kPath, "/dev/md/dumps", false, false) ==
        "--target: /dev/md/dumps: the capture kernel has no udev that makes this name, and this "
        "machine has no such device: write UUID=, LABEL=, PARTUUID= or PARTLABEL=");
  CHECK(plan.warnings.empty());
  CHECK(check(By::kPath, "/dev/mapper/vg0-var", false, false).empty());
  REQUIRE(plan.warnings.size() == 1);
  CHECK(plan.warnings[0] ==
        "/dev/mapper/vg0-var is not on this machine: the capture kernel has that name only for an "
        "LVM volume");
  plan.warnings.clear();
  CHECK(check(By::kPath, "/dev/sdq1", false, false).empty());
  REQUIRE(plan.warnings.size() == 1);
  CHECK(plan.warnings[0] ==
        "/dev/sdq1 is not on this machine, and names of this kind follow probe order: UUID= is "
        "safer");
}

TEST_CASE("raw: what may be overwritten is empty, swap or a dump") {
  std::string begin(kRawLook, '\0');
  CHECK(may_be_overwritten("", begin));
  CHECK(may_be_overwritten("swap", "anything"));
  for (const char* type : {"ext4", "LVM2_member", "zfs_member", "btrfs", "jbd", "gpt"})
    CHECK_FALSE(may_be_overwritten(type, begin));
  begin[kRawLook - 1] = 1;  // a virtual machine's disk, a database
  CHECK_FALSE(may_be_overwritten("", begin));

  const auto elf = [](char order, char low, char high) {
    std::string header(
        "\x7f"
        "ELF\x02",
        5);
    header += order;
    header.resize(16);
    return header + low + high + "rest";
  };
  CHECK(may_be_overwritten("", elf(1, 4, 0)));
  CHECK(may_be_overwritten("", elf(2, 0, 4)));
  CHECK_FALSE(may_be_overwritten("", elf(1, 2, 0)));  // a program
  CHECK(may_be_overwritten("", "KDUMP   \6"));
  CHECK(may_be_overwritten("", "makedumpfile\0\0\0\0"));
  CHECK_FALSE(may_be_overwritten("",
                                 "\x7f"
                                 "ELF"));
}

TEST_CASE("raw: a device that something claims, or that holds what is not known, is refused") {
  FakeHost host = fakes::virtual_machine();
  host.nodes["/dev/vdb"] = {254, 16};
  const auto check = [&](const BlockTags& tags) {
    return error_of(check_overwritten(host, {{254, 16}, "/dev/vdb", tags}, "--target"));
  };
  CHECK(check({}).empty());
  CHECK(check({"swap", "", "", "", ""}).empty());
  host.content["/dev/vdb"] = "KDUMP   ";
  CHECK(check({}).empty());
  CHECK(check({"ext4", "", "", "", ""}) ==
        "--target: /dev/vdb holds ext4, and only an empty one, swap and an earlier dump are "
        "overwritten: clear it with wipefs -a /dev/vdb and blkdiscard or dd if=/dev/zero "
        "of=/dev/vdb bs=64k count=1 if nobody needs it");
  host.content["/dev/vdb"] = "QFI\xfb";
  CHECK(check({}).starts_with("--target: /dev/vdb holds data, and only"));
  host.claimed["/dev/vdb"] = EBUSY;
  CHECK(check({"swap", "", "", "", ""})
            .starts_with("--target: /dev/vdb is in use (active swap, a member of a RAID"));
  host.claimed["/dev/vdb"] = EACCES;  // not root: what is known has to do
  CHECK(check({}).empty());
  CHECK_FALSE(check({"zfs_member", "", "", "", ""}).empty());
}

TEST_CASE("file systems: free space below what a dump can need, with numbers") {
  Checked c({"ext4", "u", "", "", ""});
  c.host.files["/proc/self/mountinfo"] += "30 22 254:2 / /srv rw - ext4 /dev/vda2 rw\n";
  SUBCASE("not even what the level keeps now: 2 GiB") {
    c.host.free_space["/srv"] = kGiB;
    CHECK(c.run().ok());
    REQUIRE(c.plan.warnings.size() == 1);
    CHECK(c.plan.warnings[0] ==
          "/dev/vda2 has 1.1 GB free, and a dump needs up to 17.2 GB, before compression 2.1 GB if "
          "the crash were now");
  }
  SUBCASE("enough for that, not for all of memory") {
    c.host.free_space["/srv"] = 3 * kGiB;
    CHECK(c.run().ok());
    CHECK(c.plan.warnings.empty());
    CHECK(c.plan.notes.size() == 1);
    Checked whole = c;
    CHECK(whole.run("/crash", 0).ok());  // a level that keeps all
    CHECK(whole.plan.warnings.size() == 1);
  }
  SUBCASE("room for everything") {
    c.host.free_space["/srv"] = 20 * kGiB;
    CHECK(c.run().ok());
    CHECK(c.plan.warnings.empty());
    CHECK(c.plan.notes.empty());
  }
}

TEST_CASE("file systems: vfat's largest file") {
  Checked c({"vfat", "AB-CD", "", "", ""});
  CHECK(c.run().ok());
  REQUIRE(c.plan.warnings.size() == 1);
  CHECK(c.plan.warnings[0] ==
        "a file on vfat (/dev/vda2) has at most 4 GiB, and this machine has 17.2 GB of memory: a "
        "larger dump ends there");
  Checked small({"vfat", "AB-CD", "", "", ""});
  small.host.files["/proc/meminfo"] = "MemTotal:        2097152 kB\n";
  CHECK(small.run().ok());
  CHECK(small.plan.warnings.empty());
}

namespace {

/// A btrfs on vda2 and on a SATA disk.
struct Pool : Checked {
  Pool() : Checked({"btrfs", "pool", "", "", ""}) {
    const std::string ahci = "/sys/devices/pci0000:00/0000:02:00.0";
    const std::string disk = ahci + "/ata1/host0/target0:0:0/0:0:0:0";
    host.bind_driver(ahci, "ahci", "ahci");
    host.bind_driver(disk, "sd", "sd_mod");
    host.add_block(disk + "/block/sda", {8, 0}, {"btrfs", "pool", "", "", ""});
  }
  std::string modules() {
    std::string all;
    for (const auto& driver : target.drivers)
      all += (all.empty() ? "" : " ") + driver.module;
    return all;
  }
};

}  // namespace

TEST_CASE("file systems: the drivers of all devices of a btrfs") {
  Pool pool;
  SUBCASE("mounted: as the kernel has them") {
    pool.host.links["/sys/fs/btrfs/pool/devices/sda"] =
        *pool.host.real_path("/sys/class/block/sda");
    pool.host.links["/sys/fs/btrfs/pool/devices/vda2"] =
        *pool.host.real_path("/sys/class/block/vda2");
    pool.host.tags.erase("/dev/sda");
  }
  SUBCASE("not mounted: by probing") {}
  CHECK(pool.run().ok());
  CHECK(pool.modules() == "ahci sd_mod virtio_pci virtio_blk");
  CHECK(pool.target.where == "vda2, sda");
}

TEST_CASE("file systems: a btrfs with a device that no image can bring up is refused") {
  Pool pool;
  pool.host.add_block("/sys/devices/virtual/block/zd16", {230, 16}, {"btrfs", "pool", "", "", ""});
  CHECK(error_of(pool.run()).starts_with("--target: zd16 is a ZFS volume"));
}

TEST_CASE("file systems: a path on a btrfs counts from its top, which is said where it matters") {
  Pool pool;
  pool.host.files["/proc/self/mountinfo"] =
      "22 1 0:20 /@/.snapshots/1/snapshot / rw - btrfs /dev/vda2 rw\n"
      "23 22 0:20 /@/var /var rw - btrfs /dev/vda2 rw\n";
  CHECK(pool.run("/var/crash").ok());
  REQUIRE(pool.plan.warnings.size() == 1);
  CHECK(pool.plan.warnings[0] ==
        "on btrfs PATH counts from the top of the file system: /var/crash of this system is "
        "/@/var/crash there");
  Pool top;
  top.host.files["/proc/self/mountinfo"] = "22 1 0:20 / / rw - btrfs /dev/vda2 rw\n";
  CHECK(top.run("/var/crash").ok());
  CHECK(top.plan.warnings.empty());
}
