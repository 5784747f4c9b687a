// Channel devices of IBM Z: how they are written, which ones a target needs, and that /init sets
// them online.
#include <doctest/doctest.h>

#include "builder/plan/ccw.h"
#include "init/contract/ccw_device.h"
#include "init/devices/ccw_devices.h"
#include "tests/fakes/fake_host.h"
#include "tests/fakes/fake_system.h"

using namespace mkcapture;
using namespace mkcapture::init;

namespace {

const std::string kWwpn = "0x500507630300c562";
const std::string kLun = "0x4010400000000000";

std::vector<CcwDevice> specs(std::initializer_list<const char*> texts) {
  std::vector<CcwDevice> out;
  for (const char* text : texts) {
    auto spec = parse_ccw_device(text);
    REQUIRE(spec);
    out.push_back(*spec);
  }
  return out;
}

void bring_online(FakeSystem& system, std::initializer_list<const char*> texts) {
  set_ccw_devices_online(system, specs(texts), Deadline(system, std::chrono::seconds(30)));
}

}  // namespace

TEST_CASE("channel devices: the forms and what is none of them") {
  CHECK(parse_ccw_device("0.0.0200")->ids == std::vector<std::string>{"0.0.0200"});
  CHECK(to_string(*parse_ccw_device("0.0.F500:0.0.f501:0.0.f502")) == "0.0.f500:0.0.f501:0.0.f502");
  const auto disk = parse_ccw_device("0.0.1900/" + kWwpn + "/" + kLun);
  REQUIRE(disk);
  CHECK(disk->wwpn == kWwpn);
  CHECK(disk->lun == kLun);
  CHECK(to_string(*disk) == "0.0.1900/" + kWwpn + "/" + kLun);
  for (const char* wrong :
       {"", "0.0.200", "0.0.02000", "0.0.0200:0.0.0201", "0.0.02g0", "../..", "0.0.0200/1/2",
        "0.0.0200/0x500507630300c562", "0.0.0200 ", "0.0.f500:0.0.f501:0.0.f502/0x1/0x2"})
    CHECK_MESSAGE(!parse_ccw_device(wrong), wrong);
}

TEST_CASE("channel devices: taken off the ignored ones, waited for, set online") {
  FakeSystem system;
  system.files["/proc/cio_ignore"] = "0.0.0000-0.2.ffff\n";
  system.at(Milliseconds(40),
            [](FakeSystem& s) { s.files["/sys/bus/ccw/devices/0.0.0200/online"] = "0\n"; });
  bring_online(system, {"0.0.0200"});
  CHECK(system.called("write /proc/cio_ignore"));
  CHECK(system.files["/sys/bus/ccw/devices/0.0.0200/online"] == "1");
  CHECK(system.logged("channel device 0.0.0200 online"));
}

TEST_CASE("channel devices: what is online already is left alone") {
  FakeSystem system;
  system.files["/sys/bus/ccw/devices/0.0.0001/online"] = "1\n";
  bring_online(system, {"0.0.0001"});
  CHECK(!system.called("write"));
}

TEST_CASE("channel devices: a network adapter becomes a group first") {
  FakeSystem system;
  for (const char* id : {"0.0.f500", "0.0.f501", "0.0.f502"})
    system.files[std::string("/sys/bus/ccw/devices/") + id + "/online"] = "0\n";
  const std::string driver = "/sys/bus/ccwgroup/drivers/qeth/group";
  const std::string group = "/sys/bus/ccwgroup/devices/0.0.f500";
  system.at(Milliseconds(10), [&](FakeSystem& s) { s.files[group + "/online"] = "0\n"; });
  bring_online(system, {"0.0.f500:0.0.f501:0.0.f502"});
  CHECK(system.files[driver] == "0.0.f500,0.0.f501,0.0.f502");
  CHECK(system.files[group + "/layer2"] == "1");
  CHECK(system.files[group + "/online"] == "1");
}

TEST_CASE("channel devices: a disk on an FCP adapter") {
  FakeSystem system;
  const std::string adapter = "/sys/bus/ccw/devices/0.0.1900";
  system.files[adapter + "/online"] = "0\n";
  system.at(Milliseconds(1500),
            [&](FakeSystem& s) { s.files[adapter + "/" + kWwpn + "/failed"] = "0"; });
  bring_online(system, {("0.0.1900/" + kWwpn + "/" + kLun).c_str()});
  CHECK(system.files[adapter + "/online"] == "1");
  CHECK(system.files[adapter + "/" + kWwpn + "/unit_add"] == kLun);
}

TEST_CASE("channel devices: one that never appears costs seconds, not the capture") {
  FakeSystem system;
  system.files["/sys/bus/ccw/devices/0.0.0201/online"] = "0\n";
  bring_online(system, {"0.0.0200", "0.0.0201"});
  CHECK(system.logged("channel device 0.0.0200: /sys/bus/ccw/devices/0.0.0200 does not appear"));
  CHECK(system.files["/sys/bus/ccw/devices/0.0.0201/online"] == "1");
  CHECK(system.now() < std::chrono::seconds(6));
}

TEST_CASE("channel devices: those of a target on this machine") {
  using mkcapture::ccw_devices_of;
  fakes::FakeHost host;
  // A DASD: the subchannel above it is no device of its own.
  const auto dasd = ccw_devices_of(host, {{"io_subchannel", "", "", "0.0.000b"},
                                          {"dasd-eckd", "dasd_eckd_mod", "", "0.0.0200"}});
  REQUIRE(dasd.size() == 1);
  CHECK(to_string(dasd[0]) == "0.0.0200");

  host.files["/sys/bus/scsi/devices/0:0:0:0/wwpn"] = kWwpn + "\n";
  host.files["/sys/bus/scsi/devices/0:0:0:0/fcp_lun"] = kLun + "\n";
  const auto fcp =
      ccw_devices_of(host, {{"zfcp", "zfcp", "", "0.0.1900"}, {"sd", "", "", "0:0:0:0"}});
  REQUIRE(fcp.size() == 1);
  CHECK(to_string(fcp[0]) == "0.0.1900/" + kWwpn + "/" + kLun);

  for (const char* end : {"0", "1", "2"}) {
    const std::string device = std::string("/sys/devices/css0/0.0.000") + end + "/0.0.f50" + end;
    host.files[device + "/online"] = "1";
    host.links[std::string("/sys/bus/ccwgroup/devices/0.0.f500/cdev") + end] = device;
  }
  const auto card = ccw_devices_of(host, {{"qeth", "qeth", "", "0.0.f500"}});
  REQUIRE(card.size() == 1);
  CHECK(to_string(card[0]) == "0.0.f500:0.0.f501:0.0.f502");

  // Nothing of PCI is one.
  CHECK(ccw_devices_of(host, {{"virtio-pci", "virtio_pci", "", "0000:00:03.0"}}).empty());
}
