#include <doctest/doctest.h>

#include "init/contract/capture_config.h"

using namespace mkcapture;

namespace {

constexpr std::string_view kFull =
    "# baked by the builder\n"
    "target=disk:LABEL=crash:/var/crash\n"
    "drivers=virtio_pci,virtio_blk\n"
    "channel=0.0.0200\n"
    "channel=0.0.0201\n"
    "layer=lvm\n"
    "layer=md:0123456789abcdef0123456789abcdef:2:md0:x\n"
    "target=nfs://server/export\n"
    "drivers=virtio_net,virtio_pci\n"
    "autoload=net\n"
    "module=virtio_ring|||\n"
    "module=virtio|virtio_ring||\n"
    "module=virtio_blk|virtio_ring,virtio|queues=1 a=b|c|storage\n"
    "watchdog=lpc_ich,iTCO_wdt\n"
    "watchdog_autoload=1\n"
    "module=iTCO_wdt|||watchdog\n"
    "filesystem=ext4:mbcache,jbd2,ext4\n"
    "filesystem=xfs:\n"
    "ip=eth0:dhcp\n"
    "vlan=vlan5:eth0\n"
    "bond=bond0:eth0,eth1\n"
    "deadline=10min\n"
    "wait=5s\n"
    "stall=20s\n"
    "final=poweroff\n"
    "on_failure=shell\n"
    "shell_allowed=1\n"
    "shell=1\n"
    "debug=1\n"
    "dump_level=31\n"
    "dump_format=kdump\n"
    "dump_compress=zstd\n";

CaptureConfig baked() {
  auto config = parse_config(kFull);
  REQUIRE(config.ok());
  return *std::move(config);
}

std::string why(std::string_view text) {
  auto config = parse_config(text);
  return config ? "accepted" : config.error().message;
}

std::vector<std::string> apply(std::string_view cmdline, CaptureConfig& config) {
  std::vector<std::string> complaints;
  apply_cmdline(cmdline, config, complaints);
  return complaints;
}

}  // namespace

TEST_CASE("configuration: every key") {
  const CaptureConfig c = baked();
  REQUIRE(c.targets.size() == 2);
  CHECK(to_string(c.targets[0].spec) == "disk:LABEL=crash:/var/crash");
  CHECK(c.targets[0].drivers == std::vector<std::string>{"virtio_pci", "virtio_blk"});
  CHECK(c.targets[0].autoload == Autoload::kNone);
  CHECK(c.targets[0].ccw_devices.size() == 2);
  CHECK(c.targets[1].ccw_devices.empty());
  REQUIRE(c.targets[0].layers.size() == 2);
  CHECK(c.targets[0].layers[0].any());
  CHECK(c.targets[0].layers[1].name == "md0:x");
  CHECK(c.targets[0].layers[1].members == 2);
  CHECK(c.targets[1].layers.empty());
  CHECK(c.targets[1].autoload == Autoload::kNet);
  REQUIRE(c.modules.size() == 4);
  CHECK(c.modules[0].deps.empty());
  CHECK(c.modules[2].name == "virtio_blk");
  CHECK(c.modules[2].deps == std::vector<std::string>{"virtio_ring", "virtio"});
  CHECK(c.modules[2].params == "queues=1 a=b|c");
  CHECK(c.modules[2].driver_class == "storage");
  REQUIRE(c.filesystems.size() == 2);
  CHECK(c.filesystems[0].type == "ext4");
  CHECK(c.filesystems[0].modules.size() == 3);
  CHECK(c.filesystems[1].modules.empty());
  CHECK(c.ip.size() == 1);
  CHECK(c.vlan.size() == 1);
  CHECK(c.bond.size() == 1);
  CHECK(c.deadline == std::chrono::minutes(10));
  CHECK(c.wait == std::chrono::seconds(5));
  CHECK(c.stall == std::chrono::seconds(20));
  CHECK(c.final_action == FinalAction::kPoweroff);
  CHECK(c.on_failure == FinalAction::kShell);
  CHECK(c.shell_allowed);
  CHECK(c.shell);
  CHECK(c.debug);
  CHECK(c.dump.level == 31);
  CHECK(c.dump.format == DumpFormat::kKdump);
  CHECK(c.dump.codec == DumpCodec::kZstd);
}

TEST_CASE("configuration: the builder's text parses back to itself") {
  const std::string text = format_config(baked());
  const auto again = parse_config(text);
  REQUIRE(again.ok());
  CHECK(format_config(*again) == text);
  CHECK(again->targets.size() == 2);
  CHECK(again->modules[2].params == "queues=1 a=b|c");
  CHECK(parse_config(format_config(CaptureConfig{})).ok());
}

TEST_CASE("configuration: keep and reserve are there where they are asked for") {
  CHECK(format_config(CaptureConfig{}).find("keep") == std::string::npos);
  const auto config = parse_config("keep=3\nreserve=64M\n");
  REQUIRE(config);
  CHECK(config->keep == 3);
  CHECK(config->reserve == std::uint64_t{64} << 20);
  const auto again = parse_config(format_config(*config));
  REQUIRE(again);
  CHECK(again->keep == 3);
  CHECK(again->reserve == std::uint64_t{64} << 20);
  CHECK(why("keep=-1\n").starts_with("line 1: keep: "));
}

TEST_CASE("configuration: errors name line and key") {
  CHECK(why("deadline=1h\nfrob=1\n") == "line 2: frob: unknown key");
  CHECK(why("nonsense\n") == "line 1: nonsense: no '=' in this line");
  CHECK(why("drivers=ext4\n") == "line 1: drivers: stands before the first target=");
  CHECK(why("target=nfs://s/e\nchannel=200\n").starts_with("line 2: channel: '200' is no channel"));
  CHECK(why("dump_level=32") == "line 1: dump_level: the level is not in 0..31");
  CHECK(why("final=shell") == "line 1: final: 'shell' is none of reboot, poweroff, halt");
  CHECK(why("dump_format=xml") == "line 1: dump_format: 'xml' is none of elf, kdump, flat");
  CHECK(why("debug=yes") == "line 1: debug: 'yes' is neither 0 nor 1");
  CHECK(why("module=a|b") == "line 1: module: write NAME|DEPS|PARAMS|CLASS");
  CHECK(why("module=a||params|") == "accepted");
  CHECK(why("module=../a|||") == "line 1: module: '../a' is no module name");
  CHECK(why("module=a|b,../c||") == "line 1: module: '../c' is no module name");
  CHECK(why("module=a|||frob") == "line 1: module: unknown class 'frob'");
  CHECK(why("filesystem=ext4") == "line 1: filesystem: write TYPE:MODULES");
  CHECK(why("on_failure=shell") == "a shell is asked for without shell_allowed");
  CHECK(why(std::string(kMaxConfigBytes + 1, '#')) == "the configuration is larger than 1 MiB");
}

TEST_CASE("command line: targets replace the baked list and take its drivers together") {
  CaptureConfig config = baked();
  const auto complaints = apply(
      "BOOT_IMAGE=/vmlinuz root=/dev/vda1 capture.target=raw:/dev/vdb "
      "capture.target=ssh://u@h/p quiet",
      config);
  CHECK(complaints.empty());
  REQUIRE(config.targets.size() == 2);
  CHECK(to_string(config.targets[0].spec) == "raw:/dev/vdb");
  const std::vector<std::string> all{"virtio_pci", "virtio_blk", "virtio_net"};
  CHECK(config.targets[0].drivers == all);
  CHECK(config.targets[1].drivers == all);
  CHECK(config.targets[0].autoload == Autoload::kStorage);
  CHECK(config.targets[1].autoload == Autoload::kNet);
}

TEST_CASE("command line: values, quotes, and where it ends") {
  CaptureConfig config = baked();
  config.shell = config.debug = false;
  const auto complaints = apply(
      "\"capture.target=disk:LABEL=my disk:/x\" capture.ip=\"eth7:dhcp\" capture.deadline=1h "
      "capture.final=halt capture.shell capture.debug=1 capture.wait=3s capture.stall=4s "
      "-- capture.final=reboot\n",
      config);
  CHECK(complaints.empty());
  REQUIRE(config.targets.size() == 1);
  CHECK(needs(config.targets[0].spec).device->value == "my disk");
  REQUIRE(config.ip.size() == 1);
  CHECK(config.ip[0].interface.name == "eth7");
  CHECK(config.deadline == std::chrono::hours(1));
  CHECK(config.wait == std::chrono::seconds(3));
  CHECK(config.stall == std::chrono::seconds(4));
  CHECK(config.final_action == FinalAction::kHalt);
  CHECK(config.shell);
  CHECK(config.debug);
}

TEST_CASE("command line: a typing error costs its own parameter only") {
  CaptureConfig config = baked();
  const auto complaints = apply(
      "capture.target=disk:nonsense capture.deadline=soon capture.deadline capture.frob=1 "
      "capture.ip=frob capture.final=shell capture.wait=7s",
      config);
  CHECK(complaints.size() == 6);
  CHECK(config.targets.size() == 2);
  CHECK(config.deadline == std::chrono::minutes(10));
  CHECK(config.ip.size() == 1);
  CHECK(config.final_action == FinalAction::kPoweroff);
  CHECK(config.wait == std::chrono::seconds(7));
  REQUIRE(complaints.size() > 1);
  CHECK(complaints[1].starts_with("capture.deadline ignored: "));
}

TEST_CASE("command line: no way to a shell in an image without one") {
  CaptureConfig config;
  const auto complaints = apply("capture.shell", config);
  CHECK_FALSE(config.shell);
  REQUIRE(complaints.size() == 1);
  CHECK(complaints[0] == "capture.shell ignored: this image was built without a shell");
}
