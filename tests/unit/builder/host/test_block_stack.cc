#include <doctest/doctest.h>

#include <fstream>
#include <iterator>

#include "builder/host/block_stack.h"
#include "tests/fakes/fake_host.h"
#include "tests/fakes/lvm_text.h"
#include "tests/fakes/source_tree.h"

using namespace mkcapture;
using fakes::FakeHost;

namespace {

std::string driver_names(const std::vector<DeviceDriver>& drivers) {
  std::string all;
  for (const auto& driver : drivers)
    all += (all.empty() ? "" : " ") +
           (driver.module.empty() ? "(" + driver.driver + ")" : driver.module);
  return all;
}

std::string drivers_of(FakeHost& host, DeviceNumber number) {
  const auto stack = block_stack(host, number);
  REQUIRE(stack);
  CHECK(stack->unsupported.empty());
  return driver_names(stack->drivers);
}

std::string unsupported(FakeHost& host, DeviceNumber number) {
  const auto stack = block_stack(host, number);
  REQUIRE(stack);
  return stack->words + ": " + stack->unsupported;
}

const std::string kVirtual = "/sys/devices/virtual/block/";
constexpr const char* kVarUuid = "JiceXPNcJViLDoMfEKcBbgHGYLavx9UdLyAMkZoAdfZtZHuPtQsFrhVbZMr49hQI";

void add_mapping(FakeHost& host, unsigned minor, const std::string& uuid, const std::string& name,
                 const std::vector<std::string>& slaves) {
  const std::string folder = kVirtual + "dm-" + std::to_string(minor);
  host.add_block(folder, {253, minor});
  host.files[folder + "/dm/uuid"] = uuid + "\n";
  host.files[folder + "/dm/name"] = name + "\n";
  for (const auto& slave : slaves) {
    const auto real = host.links.find("/sys/class/block/" + slave);
    host.links[folder + "/slaves/" + slave] =
        real == host.links.end() ? "/sys/nowhere/" + slave : real->second;
  }
}

std::string golden(const std::string& name) {
  std::ifstream file(fakes::source_path("tests/golden/lvm/" + name), std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void add_disk(FakeHost& host, const std::string& name, DeviceNumber number,
              const std::string& driver, BlockTags tags) {
  const std::string device = "/sys/devices/pci0000:00/0000:00:0" + std::to_string(number.minor);
  host.bind_driver(device, driver, driver);
  host.add_block(device + "/block/" + name, number, std::move(tags));
}

/// The volume vg-0/var of tests/golden/lvm on sda (ahci) and vdb (virtio_blk).
FakeHost lvm_machine() {
  FakeHost host;
  add_disk(host, "sda", {8, 0}, "ahci", {"LVM2_member", "", "", "", ""});
  add_disk(host, "vdb", {254, 16}, "virtio_blk", {"LVM2_member", "", "", "", ""});
  host.content["/dev/sda"] = golden("pv0");
  host.content["/dev/vdb"] = golden("pv1");
  add_mapping(host, 0, std::string("LVM-") + kVarUuid, "vg--0-var", {"sda", "vdb"});
  return host;
}

/// md0 on sdc and sdd.
void add_array(FakeHost& host, const std::string& level, const std::string& version) {
  const std::string md = kVirtual + "md0";
  host.add_block(md, {9, 0});
  host.files[md + "/md/level"] = level + "\n";
  host.files[md + "/md/metadata_version"] = version + "\n";
  host.files[md + "/md/raid_disks"] = "2\n";
  unsigned minor = 2;
  for (const char* member : {"sdc", "sdd"}) {
    add_disk(host, member, {8, ++minor}, "mpt3sas",
             {"linux_raid_member", "01234567-89ab-cdef-0123-456789abcdef", "", "", ""});
    host.links[md + "/slaves/" + member] = host.links["/sys/class/block/" + std::string(member)];
  }
}

}  // namespace

TEST_CASE("block stack: a virtio partition, bus first") {
  FakeHost host = fakes::virtual_machine();
  CHECK(drivers_of(host, {254, 1}) == "virtio_pci virtio_blk");
  CHECK(block_stack(host, {254, 1})->words == "vda1");
}

TEST_CASE("block stack: a SATA disk behind a bridge that is built in") {
  FakeHost host;
  const std::string bridge = "/sys/devices/pci0000:00/0000:00:1c.0";
  const std::string ahci = bridge + "/0000:02:00.0";
  const std::string disk = ahci + "/ata1/host0/target0:0:0/0:0:0:0";
  host.bind_driver(bridge, "pcieport", "");
  host.bind_driver(ahci, "ahci", "ahci", "pci:v8086");
  host.bind_driver(disk, "sd", "sd_mod", "scsi:t-0x00");
  host.add_block(disk + "/block/sda", {8, 0});
  host.add_partition(disk + "/block/sda", "sda3", {8, 3});
  CHECK(drivers_of(host, {8, 3}) == "(pcieport) ahci sd_mod");
}

TEST_CASE("block stack: a USB disk names the host controller, each driver once") {
  FakeHost host;
  const std::string pci = "/sys/devices/pci0000:00/0000:00:14.0";
  const std::string usb = pci + "/usb1";
  const std::string device = usb + "/1-1";
  const std::string interface = device + "/1-1:1.0";
  const std::string disk = interface + "/host6/target6:0:0/6:0:0:0";
  host.bind_driver(pci, "xhci_hcd", "xhci_pci");
  host.bind_driver(usb, "usb", "usbcore");
  host.bind_driver(device, "usb", "usbcore");
  host.bind_driver(interface, "usb-storage", "usb_storage");
  host.bind_driver(disk, "sd", "sd_mod");
  host.add_block(disk + "/block/sdb", {8, 16});
  CHECK(drivers_of(host, {8, 16}) == "xhci_pci usbcore usb_storage sd_mod");
}

TEST_CASE("block stack: NVMe, by the controllers below a multipath subsystem too") {
  FakeHost host;
  const std::string controller = "/sys/devices/pci0000:00/0000:00:05.0/nvme/nvme0";
  host.bind_driver("/sys/devices/pci0000:00/0000:00:05.0", "nvme", "nvme", "pci:nvme");
  host.files[controller + "/model"] = "x";
  const std::string subsystem = "/sys/devices/virtual/nvme-subsystem/nvme-subsys0";
  host.links[subsystem + "/nvme0"] = controller;
  host.add_block(subsystem + "/nvme0n1", {259, 0});
  host.add_partition(subsystem + "/nvme0n1", "nvme0n1p1", {259, 1});
  CHECK(drivers_of(host, {259, 1}) == "nvme");
}

TEST_CASE("block stack: what no image can bring up") {
  FakeHost host;
  const auto mapped = [&](unsigned minor, const char* uuid, const char* name) {
    add_mapping(host, minor, uuid, name, {"sda2"});
  };
  mapped(1, "CRYPT-LUKS2-abc", "secret");
  mapped(3, "part1-DMRAID-3600", "isw1");
  mapped(4, "whatever", "x");
  host.add_block(kVirtual + "zd16", {230, 16});

  CHECK(unsupported(host, {253, 1}) == "secret (dm-1) on sda2: an encrypted (LUKS) device");
  CHECK(unsupported(host, {253, 3}) == "isw1 (dm-3) on sda2: a device-mapper partition");
  CHECK(unsupported(host, {253, 4}) == "x (dm-4) on sda2: a device-mapper device");
  CHECK(unsupported(host, {230, 16}) == "zd16: a ZFS volume");
}

TEST_CASE("block stack: disks at the other end of a network") {
  FakeHost host;
  host.add_block("/sys/devices/platform/host2/session1/target2:0:0/2:0:0:0/block/sda", {8, 0});
  host.add_block("/sys/devices/pci0000:00/0000:00:1c.0/ctlr_0/host7/rport-7:0-0/block/sdb",
                 {8, 16});
  CHECK(unsupported(host, {8, 0}) == "sda: an iSCSI disk");
  CHECK(unsupported(host, {8, 16}) == "sdb: an FCoE disk");
  const std::string controller = "/sys/devices/virtual/nvme-fabrics/ctl/nvme0";
  host.files[controller + "/transport"] = "rdma\n";
  host.add_block(controller + "/nvme0n1", {259, 0});
  CHECK(unsupported(host, {259, 0}) == "nvme0n1: an NVMe disk over fabrics (rdma)");
}

TEST_CASE("block stack: NVMe/TCP, with all that the capture needs to connect") {
  FakeHost host;
  const std::string controller = "/sys/devices/virtual/nvme-fabrics/ctl/nvme0";
  host.files[controller + "/transport"] = "tcp\n";
  host.files[controller + "/address"] = "traddr=10.0.0.5,trsvcid=4420,src_addr=10.0.0.2\n";
  host.files[controller + "/subsysnqn"] = "nqn.2014-08.org:store\n";
  host.files[controller + "/hostnqn"] = "nqn.2014-08.org:host\n";
  host.files[controller + "/hostid"] = "1-2\n";
  host.files[controller + "/dhchap_secret"] = "none\n";
  host.add_block(controller + "/nvme0n1", {259, 0});
  const std::string options =
      "nvme_tcp:transport=tcp,traddr=10.0.0.5,trsvcid=4420,nqn=nqn.2014-08.org:store,"
      "hostnqn=nqn.2014-08.org:host,hostid=1-2";
  const auto stack = [&] { return *block_stack(host, {259, 0}); };
  CHECK(stack().unsupported.empty());
  REQUIRE(stack().layers.size() == 1);
  CHECK(to_string(stack().layers[0]) == options);
  CHECK(stack().servers == std::vector<std::string>{"10.0.0.5"});
  CHECK(stack().modules == std::vector<std::string>{"nvme_tcp"});
  CHECK(stack().tree ==
        std::vector<std::string>{"nvme0n1: NVMe/TCP nqn.2014-08.org:store at 10.0.0.5 port 4420"});
  SUBCASE("a secret goes into the image, and not into the plan's words") {
    host.files[controller + "/dhchap_secret"] = "DHHC-1:00:x:\n";
    CHECK(to_string(stack().layers[0]) == options + ",dhchap_secret=DHHC-1:00:x:");
    CHECK(stack().tree[0].find("DHHC") == std::string::npos);
  }
  SUBCASE("what cannot be connected to again") {
    host.files[controller + "/tls_key"] = "123\n";
    CHECK(unsupported(host, {259, 0}) == "nvme0n1: an NVMe disk over fabrics (tcp with TLS)");
    host.files.erase(controller + "/tls_key");
    host.files.erase(controller + "/hostnqn");
    CHECK(unsupported(host, {259, 0}) ==
          "nvme0n1: an NVMe disk over fabrics (tcp) whose host name cannot be read");
    host.files[controller + "/address"] = "\n";
    CHECK(unsupported(host, {259, 0}) ==
          "nvme0n1: an NVMe disk over fabrics (tcp) whose address cannot be read");
    host.files[controller + "/transport"] = "fc\n";
    CHECK(unsupported(host, {259, 0}) == "nvme0n1: an NVMe disk over fabrics (fc)");
  }
}

TEST_CASE("block stack: a volume on two PVs, with the drivers of both") {
  FakeHost host = lvm_machine();
  const auto stack = block_stack(host, {253, 0});
  REQUIRE(stack);
  CHECK(stack->unsupported.empty());
  CHECK(stack->words == "vg--0-var (dm-0) on sda, vdb");
  CHECK(driver_names(stack->drivers) == "ahci virtio_blk");
  CHECK(stack->modules == std::vector<std::string>{"dm_mod"});
  REQUIRE(stack->layers.size() == 1);
  CHECK(to_string(stack->layers[0]) == std::string("lvm:") + kVarUuid + ":2:vg-0/var");
  CHECK(stack->tree ==
        std::vector<std::string>{"vg--0-var (dm-0): LVM volume vg-0/var", "  sda", "  vdb"});
}

TEST_CASE("block stack: a mirror of LVM and a thin volume, with the modules of every part") {
  FakeHost host;
  add_disk(host, "sda", {8, 0}, "ahci", {"LVM2_member", "", "", "", ""});
  add_disk(host, "vdb", {254, 16}, "virtio_blk", {"LVM2_member", "", "", "", ""});
  const auto make = [&](const std::string& volumes) {
    host.content["/dev/sda"] = fakes::lvm_pv("pv0", fakes::lvm_group(volumes));
    host.content["/dev/vdb"] = fakes::lvm_pv("pv1", fakes::lvm_group(volumes));
  };
  const std::string uuid = "LVM-" + fakes::lvm_id("vg0") + fakes::lvm_id("var");
  add_mapping(host, 0, "LVM-" + fakes::lvm_id("vg0") + "part0", "vg0-part0", {"sda"});
  add_mapping(host, 1, "LVM-" + fakes::lvm_id("vg0") + "part1", "vg0-part1", {"vdb"});
  add_mapping(host, 2, uuid, "vg0-var", {"dm-0", "dm-1"});
  SUBCASE("a mirror") {
    make(fakes::lvm_raid("var", "raid1", 2) + fakes::lvm_leg("var", 0, "pv0") +
         fakes::lvm_leg("var", 1, "pv1"));
    const auto stack = block_stack(host, {253, 2});
    REQUIRE(stack);
    CHECK(stack->unsupported.empty());
    CHECK(stack->modules == std::vector<std::string>{"dm_mod", "raid1", "dm_raid"});
    CHECK(stack->tree[0] == "vg0-var (dm-2): LVM volume vg0/var (raid1 of 2 legs)");
    CHECK(driver_names(stack->drivers) == "ahci virtio_blk");
    CHECK(stack->layers[0].members == 2);
    host.files[kVirtual + "dm-0/dm/uuid"] =
        "LVM-" + fakes::lvm_id("vg0") + fakes::lvm_id("var_rimage_0") + "\n";
    CHECK(unsupported(host, {253, 0}) == "vg0-part0 (dm-0) on sda: a part of an LVM volume");
  }
  SUBCASE("thin: the pool's fill is known where dmsetup is there") {
    make(fakes::lvm_thin("var", "pool", 3) + fakes::lvm_thin_pool("pool", 7) +
         fakes::lvm_linear("pool_tdata", "pv0", 40) + fakes::lvm_linear("pool_tmeta", "pv1", 1));
    std::string status;
    host.on_run = [&](const std::vector<std::string>& argv) -> Result<std::string> {
      CHECK(argv.back() == "vg0-pool-tpool");
      if (status.empty()) return fail("no dmsetup");
      return status;
    };
    CHECK(block_stack(host, {253, 2})->modules ==
          std::vector<std::string>{"dm_mod", "dm_thin_pool"});
    CHECK(block_stack(host, {253, 2})->tree[0] ==
          "vg0-var (dm-2): LVM volume vg0/var (thin in pool)");
    CHECK(block_stack(host, {253, 2})->unsupported.empty());
    status = "0 81920 thin-pool 7 12/1024 95/100 - rw discard_passdown queue_if_no_space - 1024\n";
    CHECK(unsupported(host, {253, 2}) ==
          "vg0-var (dm-2) on dm-0, dm-1: a thin LVM volume (the pool vg0/pool is 95 % full (data): "
          "a dump could fill it)");
  }
}

TEST_CASE("block stack: the group's other PVs are taken along, for a volume that grows") {
  FakeHost host = lvm_machine();
  host.links.erase(kVirtual + "dm-0/slaves/vdb");
  host.nodes["/dev/disk/by-id/lvm-pv-uuid-xS0eTM-Y3no-bSnJ-TAjc-1HTP-Ug3C-JN3ebk"] = {254, 16};
  CHECK(driver_names(block_stack(host, {253, 0})->drivers) == "ahci virtio_blk");
}

TEST_CASE("block stack: volumes that are refused") {
  FakeHost host = lvm_machine();
  SUBCASE("metadata that cannot be read") {
    host.content.clear();
    CHECK(unsupported(host, {253, 0}) ==
          "vg--0-var (dm-0) on sda, vdb: an LVM volume whose metadata cannot be read "
          "(/dev/vdb: Permission denied)");
  }
  SUBCASE("a part of another one, as thin pools have") {
    host.files[kVirtual + "dm-0/dm/uuid"] = std::string("LVM-") + kVarUuid + "-tpool\n";
    CHECK(unsupported(host, {253, 0}) == "vg--0-var (dm-0) on sda, vdb: a part of an LVM volume");
  }
  // vg0/var, linear on sda.
  const auto make = [&](const std::string& more, const std::string& pv = "pv0") {
    const std::string linear = "type = \"striped\"\nstripe_count = 1\nstripes = [\n\"";
    const std::string text =
        fakes::lvm_group(fakes::lvm_volume("var", linear + pv + "\", 0\n]\n", 40, true), more);
    host.content["/dev/sda"] = fakes::lvm_pv("pv0", text);
    host.links.erase(kVirtual + "dm-0/slaves/vdb");
    add_mapping(host, 0, "LVM-" + fakes::lvm_id("vg0") + fakes::lvm_id("var"), "vg0-var", {"sda"});
    return unsupported(host, {253, 0});
  };
  SUBCASE("exported, shared, of another type, on no PV") {
    const std::string volume = "vg0-var (dm-0) on sda: an LVM volume (";
    CHECK(make("").ends_with(": "));
    CHECK(make("status = [\"EXPORTED\"]\n") == volume + "vg0 is exported (vgexport))");
    CHECK(make("lock_type = \"dlm\"\n") ==
          volume + "vg0 is shared with other machines (lock_type dlm))");
    CHECK(make("", "pv9") == volume + "vg0/var lies on pv9, which is no PV)");
  }
  SUBCASE("of another machine's group") {
    const std::string owned = "system_id = \"other\"\n";
    const std::string refused =
        "vg0-var (dm-0) on sda: an LVM volume (vg0 belongs to the machine other, and this one is ";
    std::string own;
    host.on_run = [&](const std::vector<std::string>& argv) -> Result<std::string> {
      CHECK(argv == std::vector<std::string>{"lvm", "systemid"});
      if (own.empty()) return fail("no lvm");
      return own;
    };
    CHECK(make(owned).ends_with(": "));  // LVM itself has activated it
    own = "  system ID: other\n";
    CHECK(make(owned).ends_with(": "));
    own = "  system ID: crashbox\n";
    CHECK(make(owned) == refused + "crashbox)");
    own = "  system ID: \n";
    CHECK(make(owned) == refused + "without a system ID)");
    CHECK(make("").ends_with(": "));
  }
  SUBCASE("on an encrypted PV") {
    add_mapping(host, 1, "CRYPT-LUKS2-x", "secret", {"sdc"});
    host.links[kVirtual + "dm-0/slaves/dm-1"] = kVirtual + "dm-1";
    CHECK(block_stack(host, {253, 0})->culprit == "secret (dm-1) on sdc");
    CHECK(unsupported_words(host, *block_stack(host, {253, 0})) ==
          "secret (dm-1) on sdc is an encrypted (LUKS) device, which a capture image cannot bring "
          "up; give a plain partition with a file system (--target disk:UUID=...:/PATH), a raw "
          "partition (--target raw:DEVICE), nfs:// or ssh://");
  }
}

TEST_CASE("block stack: an encrypted device's way out is a file system of this machine") {
  FakeHost host = fakes::virtual_machine();
  add_mapping(host, 1, "CRYPT-LUKS2-x", "secret", {"vda2"});
  host.tags["/dev/dm-1"] = {"ext4", "secret-uuid", "", "", ""};
  host.files["/proc/self/mountinfo"] =
      "22 1 253:1 / / rw - ext4 /dev/mapper/secret rw\n"
      "24 22 254:1 / /boot rw - ext4 /dev/vda1 rw\n";
  host.free_space = {{"/", 900'000'000'000}, {"/boot", 412'000'000}};
  CHECK(unsupported_words(host, *block_stack(host, {253, 1})) ==
        "secret (dm-1) on vda2 is an encrypted (LUKS) device, which a capture image cannot bring "
        "up; give --target disk:UUID=11112222-3333-4444-5555-666677778888:/crash (ext4 on vda1 at "
        "/boot, with 412.0 MB free), nfs:// or ssh://");
}

TEST_CASE("block stack: md arrays, and LVM on one") {
  FakeHost host = lvm_machine();
  add_array(host, "raid1", "1.2");
  SUBCASE("a partition of one") {
    host.add_partition(kVirtual + "md0", "md0p1", {259, 7});
    const auto stack = block_stack(host, {259, 7});
    REQUIRE(stack);
    CHECK(stack->unsupported.empty());
    CHECK(stack->modules == std::vector<std::string>{"raid1"});
    CHECK(to_string(stack->layers[0]) == "md:0123456789abcdef0123456789abcdef:2:md0");
    CHECK(stack->tree ==
          std::vector<std::string>{"md0p1: md raid1 of 2 members, metadata 1.2", "  sdc", "  sdd"});
    CHECK(driver_names(stack->drivers) == "mpt3sas");
  }
  SUBCASE("LVM on it") {
    host.links.erase(kVirtual + "dm-0/slaves/sda");
    host.links[kVirtual + "dm-0/slaves/md0"] = kVirtual + "md0";
    host.content["/dev/md0"] = host.content["/dev/sda"];
    const auto stack = block_stack(host, {253, 0});
    REQUIRE(stack);
    CHECK(stack->unsupported.empty());
    REQUIRE(stack->layers.size() == 2);
    CHECK(stack->layers[0].kind == StorageLayer::Kind::kMd);
    CHECK(stack->layers[1].kind == StorageLayer::Kind::kLvm);
    CHECK(stack->modules == std::vector<std::string>{"raid1", "dm_mod"});
    CHECK(driver_names(stack->drivers) == "mpt3sas virtio_blk");
  }
  SUBCASE("what mdmon is needed for") {
    add_array(host, "raid5", "external:/md127/0");
    CHECK(
        unsupported(host, {9, 0}) ==
        "md0 on sdc, sdd: an md array (raid5) with metadata external:/md127/0, which needs mdmon");
  }
  SUBCASE("a level that is none") {
    add_array(host, "container", "external:imsm");
    CHECK(unsupported(host, {9, 0}) == "md0 on sdc, sdd: an md array (container)");
  }
  SUBCASE("a reshape, a journal, members that cannot be read") {
    host.files[kVirtual + "md0/md/reshape_position"] = "1024\n";
    CHECK(unsupported(host, {9, 0}).ends_with("an md array (raid1) that is being reshaped"));
    host.files[kVirtual + "md0/md/reshape_position"] = "none\n";
    host.files[kVirtual + "md0/md/consistency_policy"] = "journal\n";
    CHECK(unsupported(host, {9, 0}).ends_with("an md array (raid1) with a write journal"));
    host.files.erase(kVirtual + "md0/md/consistency_policy");
    host.tags.clear();
    CHECK(unsupported(host, {9, 0}).ends_with("an md array (raid1) whose UUID cannot be read"));
  }
}

TEST_CASE("block stack: multipath, and a partition of it, by the drivers of every path") {
  FakeHost host;
  const auto path = [&](const std::string& pci, const std::string& driver, const std::string& name,
                        DeviceNumber number) {
    const std::string hba = "/sys/devices/pci0000:00/" + pci;
    const std::string disk = hba + "/host1/target1:0:0/" + name;
    host.bind_driver(hba, driver, driver);
    host.bind_driver(disk, "sd", "sd_mod");
    host.add_block(disk + "/block/" + name, number);
  };
  path("0000:00:05.0", "lpfc", "sda", {8, 0});
  path("0000:00:06.0", "qla2xxx", "sdb", {8, 16});
  const std::string folder = "/sys/devices/virtual/block/";
  const auto mapped = [&](const std::string& dm, unsigned minor, const std::string& uuid,
                          const std::string& name,
                          const std::vector<std::pair<std::string, std::string>>& slaves) {
    host.add_block(folder + dm, {253, minor});
    host.files[folder + dm + "/dm/uuid"] = uuid + "\n";
    host.files[folder + dm + "/dm/name"] = name + "\n";
    for (const auto& [slave, number] : slaves)
      host.files[folder + dm + "/slaves/" + slave + "/dev"] = number + "\n";
  };
  mapped("dm-2", 2, "mpath-3600a", "mpatha", {{"sda", "8:0"}, {"sdb", "8:16"}});
  mapped("dm-3", 3, "part1-mpath-3600a", "mpatha-part1", {{"dm-2", "253:2"}});
  CHECK(drivers_of(host, {253, 2}) == "lpfc sd_mod qla2xxx");
  CHECK(drivers_of(host, {253, 3}) == "lpfc sd_mod qla2xxx");
  CHECK(block_stack(host, {253, 2})->words == "mpatha (dm-2) on sda, sdb");
  CHECK(block_stack(host, {253, 3})->words == "mpatha-part1 (dm-3) on dm-2");

  CHECK(block_stack(host, {253, 2})->layers.empty());
  mapped("dm-4", 4, "mpath-3600b", "mpathb", {});
  CHECK(unsupported(host, {253, 4}) == "mpathb (dm-4): a multipath device without a path");
}

TEST_CASE("block stack: a number that /sys does not know") {
  FakeHost host;
  const auto stack = block_stack(host, {1, 2});
  REQUIRE(!stack);
  CHECK(stack.error().message == "/sys knows no block device 1:2");
}
