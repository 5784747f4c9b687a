#include <doctest/doctest.h>

#include "builder/ask/options.h"
#include "builder/ask/request.h"

using namespace mkcapture;
using mkcapture::DumpCodec;
using mkcapture::DumpFormat;
using mkcapture::FinalAction;

namespace {

Result<Request> request(const std::vector<std::string>& arguments) {
  const auto options = parse_options(arguments);
  REQUIRE(options);
  return parse_request(options->settings);
}

std::string error(const std::vector<std::string>& arguments) {
  const auto parsed = request(arguments);
  REQUIRE(!parsed);
  CHECK(is_usage_error(parsed.error()));
  return parsed.error().message;
}

}  // namespace

TEST_CASE("request: nothing asked for is the defaults") {
  const auto parsed = request({});
  REQUIRE(parsed);
  CHECK(parsed->output == "capture.img");
  CHECK(parsed->root == "/");
  CHECK(parsed->deadline == std::chrono::minutes(30));
  CHECK(parsed->final_action == FinalAction::kReboot);
  CHECK(parsed->on_failure == FinalAction::kReboot);
  CHECK(parsed->drivers.kind == DriverChoice::Kind::kDefault);
  CHECK(!parsed->shell);
  CHECK(!parsed->compress);
}

TEST_CASE("request: values") {
  const auto parsed = request({"-t",
                               "disk:LABEL=d:/x",
                               "-t",
                               "nfs://s/e",
                               "--ip",
                               "dhcp",
                               "--vlan",
                               "vlan5:eth0",
                               "--bond",
                               "bond0:eth0,eth1:mode=1",
                               "--deadline",
                               "90s",
                               "--wait",
                               "5s",
                               "--stall",
                               "2min",
                               "--final",
                               "poweroff",
                               "--shell",
                               "--on-failure",
                               "shell",
                               "--compress",
                               "gzip",
                               "--append",
                               "a=1",
                               "--append",
                               "b",
                               "--add-driver",
                               "nvme-core.ko",
                               "--omit-driver",
                               "sr-mod",
                               "--add-file",
                               "/bin/ls",
                               "--add-file",
                               "x:/etc/x",
                               "-r",
                               "/tree/",
                               "--drivers",
                               "virtio-pci,ext4"});
  REQUIRE(parsed);
  CHECK(parsed->targets.size() == 2);
  CHECK(parsed->targets[0].origin == "--target");
  CHECK(parsed->ip.size() == 1);
  CHECK(parsed->vlan[0].value.id == 5);
  CHECK(parsed->bond[0].value.slaves.size() == 2);
  CHECK(parsed->deadline == std::chrono::seconds(90));
  CHECK(parsed->wait == std::chrono::seconds(5));
  CHECK(parsed->stall == std::chrono::minutes(2));
  CHECK(parsed->final_action == FinalAction::kPoweroff);
  CHECK(parsed->on_failure == FinalAction::kShell);
  CHECK(parsed->compress->value == Compressor::kGzip);
  CHECK(parsed->append == "a=1 b");
  CHECK(parsed->add_driver[0].value == "nvme_core");
  CHECK(parsed->omit_driver[0].value == "sr_mod");
  CHECK(parsed->add_file[1].value.destination == "/etc/x");
  CHECK(parsed->root == "/tree");
  CHECK(parsed->drivers.kind == DriverChoice::Kind::kList);
  CHECK(parsed->drivers.list == std::vector<std::string>{"virtio_pci", "ext4"});
  CHECK(request({"--drivers", "host"})->drivers.kind == DriverChoice::Kind::kHost);
  CHECK(request({"--drivers", "generic"})->drivers.kind == DriverChoice::Kind::kGeneric);
}

TEST_CASE("request: errors begin with the option") {
  for (const auto& [option, value] : std::vector<std::pair<std::string, std::string>>{
           {"--target", "disk:x"},  {"--ip", "1.2.3.4.5"},     {"--vlan", "x"},
           {"--bond", ":"},         {"--deadline", "soon"},    {"--wait", "0"},
           {"--stall", "-1"},       {"--final", "shell"},      {"--on-failure", "panic"},
           {"--compress", "bzip2"}, {"--drivers", "a,,b"},     {"--drivers", "a/b"},
           {"--add-driver", ""},    {"--omit-driver", "x y"},  {"--add-file", "relative"},
           {"--add-file", "a:"},    {"--output", ""},          {"--dump-level", "32"},
           {"--dump-level", "x"},   {"--dump-format", "flat"}, {"--dump-compress", "rar"},
           {"--profile", ""},       {"--payload", ""}}) {
    CAPTURE(option);
    CAPTURE(value);
    const auto arguments = value.empty() ? std::vector<std::string>{option, ""}
                                         : std::vector<std::string>{option + "=" + value};
    CHECK(error(arguments).starts_with(option + ": "));
  }
}

TEST_CASE("request: a shell on failure needs a shell in the image") {
  CHECK(error({"--on-failure", "shell"}) ==
        "--on-failure: shell needs --shell: without it the image holds none");
}

TEST_CASE("request: how many dumps stay, and what stays free") {
  const auto plain = request({});
  REQUIRE(plain);
  CHECK(plain->keep == 0);
  CHECK_FALSE(plain->reserve);
  const auto both = request({"--keep", "3", "--reserve", "1G"});
  REQUIRE(both);
  CHECK(both->keep == 3);
  CHECK(both->reserve == std::uint64_t{1} << 30);
  CHECK(error({"--keep", "0"}) == "--keep: '0' is no number of dumps, 1 or more");
  CHECK(error({"--reserve", "much"}).starts_with("--reserve: "));
}

TEST_CASE("request: the dump is filtered and compressed unless something else is asked for") {
  const auto plain = request({});
  REQUIRE(plain);
  CHECK(plain->dump.level == 31);
  CHECK(plain->dump.format == DumpFormat::kKdump);
  CHECK(plain->dump.codec == DumpCodec::kZstd);
  const auto elf = request({"--dump-format", "elf"});
  REQUIRE(elf);
  CHECK(elf->dump.level == 31);
  CHECK(elf->dump.codec == DumpCodec::kNone);
  const auto lzo = request({"--dump-level", "17", "--dump-compress", "lzo"});
  REQUIRE(lzo);
  CHECK(lzo->dump.level == 17);
  CHECK(lzo->dump.format == DumpFormat::kKdump);
  CHECK(lzo->dump.codec == DumpCodec::kLzo);
  CHECK(error({"--dump-format", "elf", "--dump-compress", "zlib"}) ==
        "--dump-compress: an ELF dump cannot be compressed; use --dump-format kdump");
}
