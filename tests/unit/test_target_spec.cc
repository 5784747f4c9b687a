#include <doctest/doctest.h>

#include "init/contract/target.h"

using namespace mkcapture;
using By = DeviceName::By;
using Kind = TargetSpec::Kind;

namespace {
std::string why(std::string_view text) {
  auto target = parse_target(text);
  return target ? "accepted" : target.error().message;
}
bool mentions(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}
}  // namespace

TEST_CASE("disk targets: every way to name a device") {
  const auto uuid = parse_target("disk:UUID=12-34:/var/crash");
  REQUIRE(uuid.ok());
  CHECK(uuid->kind == Kind::kDisk);
  CHECK(uuid->device == DeviceName{By::kUuid, "12-34"});
  CHECK(uuid->path == "/var/crash");
  CHECK(parse_target("disk:LABEL=my disk:/")->device == DeviceName{By::kLabel, "my disk"});
  CHECK(parse_target("disk:PARTUUID=x:/")->device.by == By::kPartUuid);
  CHECK(parse_target("disk:PARTLABEL=x:/")->device.by == By::kPartLabel);
  CHECK(parse_target("disk:/dev/vda1:/x")->device == DeviceName{By::kPath, "/dev/vda1"});
}

TEST_CASE("disk targets: the first ':/' ends the device, so names with ':' work") {
  const auto target = parse_target("disk:/dev/disk/by-path/pci-0000:00:1f.2:/crash");
  REQUIRE(target.ok());
  CHECK(target->device.value == "/dev/disk/by-path/pci-0000:00:1f.2");
  CHECK(target->path == "/crash");
}

TEST_CASE("network targets: host, port, user, options") {
  const auto nfs = parse_target("nfs://[fe80::1%eth0]:20049/export/crash?vers=4.2&timeo=50");
  REQUIRE(nfs.ok());
  CHECK(nfs->kind == Kind::kNfs);
  CHECK(nfs->host == "fe80::1%eth0");
  CHECK(nfs->port == 20049);
  CHECK(nfs->path == "/export/crash");
  CHECK(nfs->options == "vers=4.2&timeo=50");
  const auto ssh = parse_target("ssh://crash@backup.example/srv/dumps");
  REQUIRE(ssh.ok());
  CHECK(ssh->kind == Kind::kSsh);
  CHECK(ssh->user == "crash");
  CHECK(ssh->host == "backup.example");
  CHECK(ssh->port == 0);
  CHECK(ssh->path == "/srv/dumps");
  CHECK(needs_network(*ssh));
}

TEST_CASE("targets: the canonical text parses back to the same value") {
  for (const char* text :
       {"disk:UUID=1234:/var/crash", "disk:LABEL=my disk:/", "disk:/dev/a:b:/c", "raw:PARTLABEL=d",
        "raw:/dev/nvme0n1p3", "nfs://server/export", "nfs://[2001:db8::1]:2049/e?vers=3",
        "ssh://u@h:2222/p", "ssh://u@[::1]/p"}) {
    CAPTURE(text);
    const auto target = parse_target(text);
    REQUIRE(target.ok());
    CHECK(to_string(*target) == text);
    CHECK(*parse_target(to_string(*target)) == *target);
  }
  CHECK(to_string(*parse_target("disk:UUID=1://var/./crash/")) == "disk:UUID=1:/var/crash");
  CHECK(to_string(*parse_target("nfs://server/e?")) == "nfs://server/e");
}

TEST_CASE("targets: what is wrong is named, with what would be right") {
  CHECK(mentions(why("ftp://x/y"), "write disk:DEVICE:PATH"));
  CHECK(mentions(why(""), "write disk:"));
  CHECK(mentions(why("disk:UUID=1"), "no absolute path"));
  CHECK(mentions(why("disk:UUID=1:var"), "no absolute path"));
  CHECK(mentions(why("disk:UUID=:/x"), "nothing follows UUID="));
  CHECK(mentions(why("disk:vda1:/x"), "is no device"));
  CHECK(mentions(why("disk:/etc/passwd:/x"), "is no device"));
  CHECK(mentions(why("disk:/dev/../x:/x"), "is no device"));
  CHECK(mentions(why("disk:LABEL=a:/x/../y"), "'..'"));
  CHECK(mentions(why("nfs://server"), "path behind the server"));
  CHECK(mentions(why("nfs:///export"), "server's name is missing"));
  CHECK(mentions(why("nfs://fe80::1/export"), "in brackets"));
  CHECK(mentions(why("nfs://[fe80::1/export"), "']' is missing"));
  CHECK(mentions(why("nfs://[nonsense]/export"), "no IPv6 address"));
  CHECK(mentions(why("nfs://[::1%a b]/export"), "no IPv6 address"));
  CHECK(mentions(why("nfs://s:0/e"), "1..65535"));
  CHECK(mentions(why("nfs://s:65536/e"), "1..65535"));
  CHECK(mentions(why("nfs://s:/e"), "1..65535"));
  CHECK(mentions(why("nfs://s/e?vers=3,nolock"), "'&'"));
  CHECK(mentions(why("ssh://host/path"), "user is missing"));
  CHECK(mentions(why("ssh://u@host"), "path behind the server"));
  CHECK(mentions(why("raw:/dev/"), "is no device"));
}

TEST_CASE("targets: nothing that a program would take for an option or a second line") {
  CHECK_FALSE(parse_target("ssh://-oProxy@host/p").ok());
  CHECK_FALSE(parse_target("ssh://u@-host/p").ok());
  CHECK_FALSE(parse_target("ssh://u;reboot@ho st/p").ok());
  CHECK_FALSE(parse_target("disk:LABEL=a\nfinal=halt:/x").ok());
  CHECK_FALSE(parse_target("disk:UUID=1:/x\x01").ok());
  CHECK_FALSE(parse_target("disk:UUID=1:/" + std::string(5000, 'x')).ok());
}
