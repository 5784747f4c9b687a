// The projection of the plan to what /init is told: each field arrives, and nothing else decides.
#include <doctest/doctest.h>

#include "builder/host/host.h"
#include "builder/plan/config_of.h"
#include "builder/plan/firmware.h"
#include "tests/fakes/temp_dir.h"

using namespace mkcapture;

TEST_CASE("config_of: every field of the configuration comes from the plan") {
  Plan plan;
  TargetPlan target;
  target.spec = *parse_target("disk:LABEL=x:/dump");
  target.modules = {"virtio_blk"};
  target.autoload = Autoload::kStorage;
  target.ccw_devices = {*parse_ccw_device("0.0.0200")};
  target.layers = {*parse_layer("lvm")};
  plan.targets = {target};
  ResolvedModule module;
  module.name = "virtio_blk";
  module.deps = {"virtio_ring"};
  module.params = "num_request_queues=1";
  module.driver_class = "storage";
  plan.drivers.modules = {module};
  plan.filesystems = {{"ext4", {"ext4"}}};
  plan.fed_watchdogs = {{"iTCO_wdt"}, true};
  plan.network.ip = {*parse_ip("eth0:dhcp")};
  plan.network.vlan = {*parse_vlan("vlan7:eth0")};
  plan.network.bond = {*parse_bond("bond0:eth0,eth1")};
  plan.network.route = {*parse_route("10.0.0.0/8:10.1.1.1:eth0")};
  plan.kernel.release = "6.1.0-test";
  using std::chrono::minutes;
  plan.capture.deadline = minutes(7);
  plan.capture.wait = minutes(2);
  plan.capture.stall = minutes(3);
  plan.capture.deadline_extends = true;
  plan.capture.final_action = FinalAction::kPoweroff;
  plan.capture.on_failure = FinalAction::kHalt;
  plan.capture.shell = true;
  plan.capture.dump.level = 1;
  plan.capture.keep = 3;
  plan.capture.reserve = 4096;
  CHECK(
      format_config(config_of(plan)) ==
      "target=disk:LABEL=x:/dump\n"
      "drivers=virtio_blk\n"
      "autoload=storage\n"
      "channel=0.0.0200\n"
      "layer=lvm\n"
      "watchdog=iTCO_wdt\n"
      "watchdog_autoload=1\n"
      "module=virtio_blk|virtio_ring|num_request_queues=1|storage\n"
      "filesystem=ext4:ext4\n"
      "ip=eth0:dhcp\n"
      "vlan=vlan7:eth0\n"
      "bond=bond0:eth0,eth1:mode=active-backup,miimon=100,lacp_rate=slow,xmit_hash_policy=layer2\n"
      "route=10.0.0.0/8:10.1.1.1:eth0\n"
      "deadline=7min\n"
      "deadline_extends=1\n"
      "wait=2min\n"
      "stall=3min\n"
      "final=poweroff\n"
      "on_failure=halt\n"
      "shell_allowed=1\n"
      "shell=0\n"
      "debug=0\n"
      "kernel=6.1.0-test\n"
      "dump_level=1\n"
      "dump_format=kdump\n"
      "dump_compress=zstd\n"
      "keep=3\n"
      "reserve=4096\n");
}

TEST_CASE("firmware: from the kernel's folders in its order; of drivers that are built in too") {
  fakes::TempDir root;
  Request request;
  request.root = root.path();
  Plan plan;
  plan.kernel.release = "6.1.0-test";
  plan.drivers.builtin = {{"amdgpu", "", {"a.bin"}}};
  const auto source = [&] {
    plan.image.firmware.clear();
    REQUIRE(plan_firmware(request, *real_host(), plan));
    REQUIRE(plan.image.firmware.size() == 1);
    return plan.image.firmware[0].source;
  };
  for (const char* better :
       {"usr/lib/firmware/a.bin.xz", "lib/firmware/a.bin.zst", "lib/firmware/6.1.0-test/a.bin",
        "lib/firmware/updates/a.bin.xz", "lib/firmware/updates/6.1.0-test/a.bin.zst"}) {
    const std::string file = root.write(better, "firmware");
    CHECK(source() == file);
  }
}

TEST_CASE("firmware: where it lies and in what form; what is not there is a note") {
  fakes::TempDir root;
  const std::string plain = root.write("usr/lib/firmware/rtl/a.fw", "plain");
  const std::string packed = root.write("lib/firmware/b.bin.xz", "packed");
  Request request;
  request.root = root.path();
  Plan plan;
  ResolvedModule module;
  module.name = "r8169";
  module.firmware = {"rtl/a.fw", "b.bin", "absent.fw", "b.bin"};
  plan.drivers.modules = {module};
  REQUIRE(plan_firmware(request, *real_host(), plan));
  REQUIRE(plan.image.firmware.size() == 2);
  CHECK(plan.image.firmware[0].name == "rtl/a.fw");
  CHECK(plan.image.firmware[0].source == plain);
  CHECK(plan.image.firmware[1].source == packed);
  CHECK(plan.notes == std::vector<std::string>{
                          "r8169 may ask for firmware absent.fw, which is not on this machine"});

  // A hundred lines are worth one.
  module.firmware = {"1", "2", "3", "4"};
  plan.drivers.modules = {module};
  plan.notes.clear();
  REQUIRE(plan_firmware(request, *real_host(), plan));
  CHECK(plan.notes ==
        std::vector<std::string>{"4 firmware files that these drivers may ask for are not on this "
                                 "machine: r8169"});
}
