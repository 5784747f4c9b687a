#include <doctest/doctest.h>

#include "builder/host/block_stack.h"
#include "tests/fakes/fake_host.h"

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
  const std::string folder = "/sys/devices/virtual/block/";
  const auto mapped = [&](unsigned minor, const char* uuid, const char* name) {
    const std::string dm = folder + "dm-" + std::to_string(minor);
    host.add_block(dm, {253, minor});
    host.files[dm + "/dm/uuid"] = std::string(uuid) + "\n";
    host.files[dm + "/dm/name"] = std::string(name) + "\n";
    host.files[dm + "/slaves/sda2/dev"] = "8:2";
  };
  mapped(0, "LVM-abc", "vg-var");
  mapped(1, "CRYPT-LUKS2-abc", "secret");
  mapped(2, "mpath-3600", "mpatha");
  mapped(3, "part1-mpath-3600", "mpatha1");
  mapped(4, "whatever", "x");
  host.add_block(folder + "md0", {9, 0});
  host.files[folder + "md0/md/level"] = "raid1\n";
  host.add_block(folder + "zd16", {230, 16});

  CHECK(unsupported(host, {253, 0}) == "vg-var (dm-0) on sda2: an LVM volume");
  CHECK(unsupported(host, {253, 1}) == "secret (dm-1) on sda2: an encrypted (LUKS) device");
  CHECK(unsupported(host, {253, 2}) == "mpatha (dm-2) on sda2: a multipath device");
  CHECK(unsupported(host, {253, 3}) == "mpatha1 (dm-3) on sda2: a device-mapper partition");
  CHECK(unsupported(host, {253, 4}) == "x (dm-4) on sda2: a device-mapper device");
  CHECK(unsupported(host, {9, 0}) == "md0: an md array (raid1)");
  CHECK(unsupported(host, {230, 16}) == "zd16: a ZFS volume");
  CHECK(unsupported_words(*block_stack(host, {253, 0}))
            .find("vg-var (dm-0) on sda2 is an LVM volume") == 0);
}

TEST_CASE("block stack: a number that /sys does not know") {
  FakeHost host;
  const auto stack = block_stack(host, {1, 2});
  REQUIRE(!stack);
  CHECK(stack.error().message == "/sys knows no block device 1:2");
}
