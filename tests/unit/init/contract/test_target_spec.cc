#include <doctest/doctest.h>

#include "init/contract/target.h"

using namespace mkcapture;
using By = DeviceName::By;

namespace {
std::string why(std::string_view text) {
  auto target = parse_target(text);
  return target ? "accepted" : target.error().message;
}
DeviceName device(std::string_view text) {
  return needs(*parse_target(text)).device.value_or(DeviceName());
}
bool mentions(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}
}  // namespace

TEST_CASE("disk targets: every way to name a device") {
  const auto uuid = parse_target("disk:UUID=12-34:/var/crash");
  REQUIRE(uuid.ok());
  REQUIRE(std::holds_alternative<DiskSpec>(*uuid));
  CHECK(needs(*uuid).device == DeviceName{By::kUuid, "12-34"});
  CHECK(needs(*uuid).directory == "/var/crash");
  CHECK(device("disk:LABEL=my disk:/") == DeviceName{By::kLabel, "my disk"});
  CHECK(device("disk:PARTUUID=x:/").by == By::kPartUuid);
  CHECK(device("disk:PARTLABEL=x:/").by == By::kPartLabel);
  CHECK(device("disk:/dev/vda1:/x") == DeviceName{By::kPath, "/dev/vda1"});
}

TEST_CASE("disk targets: the first ':/' ends the device, so names with ':' work") {
  const auto target = parse_target("disk:/dev/disk/by-path/pci-0000:00:1f.2:/crash");
  REQUIRE(target.ok());
  CHECK(needs(*target).device->value == "/dev/disk/by-path/pci-0000:00:1f.2");
  CHECK(needs(*target).directory == "/crash");
}

TEST_CASE("network targets: host, port, user, options") {
  const auto nfs = parse_target("nfs://[fe80::1%eth0]:20049/export/crash?vers=4.2&timeo=50");
  REQUIRE(nfs.ok());
  REQUIRE(std::holds_alternative<NfsSpec>(*nfs));
  CHECK(needs(*nfs).server == ServerName{"fe80::1%eth0", 20049});
  CHECK(needs(*nfs).directory == "/export/crash");
  CHECK(std::get<NfsSpec>(*nfs).options == "vers=4.2&timeo=50");
  const auto ssh = parse_target("ssh://crash@backup.example/srv/dumps");
  REQUIRE(ssh.ok());
  REQUIRE(std::holds_alternative<SshSpec>(*ssh));
  CHECK(std::get<SshSpec>(*ssh).user == "crash");
  CHECK(needs(*ssh).server == ServerName{"backup.example", 0});
  CHECK(needs(*ssh).directory == "/srv/dumps");
  CHECK(needs_network(*ssh));
}

TEST_CASE("virtiofs targets: a tag and a path") {
  const auto share = parse_target("virtiofs:my share:/a//b");
  REQUIRE(share.ok());
  CHECK(to_string(*share) == "virtiofs:my share:/a/b");
  const TargetNeeds need = needs(*share);
  CHECK_FALSE(need.device);
  CHECK_FALSE(need.server);
  CHECK(need.module_sets == std::vector<std::string>{"virtiofs"});
  CHECK(need.directory == "/a/b");
  CHECK(mentions(why("virtiofs:tag"), "write virtiofs:TAG:/PATH"));
  CHECK(mentions(why("virtiofs::/x"), "the share's tag is missing"));
  CHECK(mentions(why("virtiofs:" + std::string(37, 't') + ":/x"), "more than 36 bytes"));
  CHECK(mentions(why("virtiofs:t:/../x"), "'..'"));
}

TEST_CASE("targets: what each kind stands on") {
  using Names = std::vector<std::string>;
  const TargetNeeds disk = needs(*parse_target("disk:LABEL=a:/x"));
  CHECK(disk.filesystem);
  CHECK_FALSE(disk.server);
  CHECK_FALSE(disk.ssh_key);
  CHECK(disk.module_sets.empty());
  const TargetNeeds raw = needs(*parse_target("raw:PARTLABEL=a"));
  CHECK(raw.device == DeviceName{By::kPartLabel, "a"});
  CHECK_FALSE(raw.filesystem);
  CHECK(raw.directory.empty());
  const TargetNeeds nfs = needs(*parse_target("nfs://s/e"));
  CHECK_FALSE(nfs.device);
  CHECK(nfs.module_sets == Names{"nfs4", "nfs3"});
  CHECK(needs(*parse_target("nfs://s/e?vers=3")).module_sets == Names{"nfs3"});
  CHECK(needs(*parse_target("nfs://s/e?vers=4.1")).module_sets == Names{"nfs4"});
  const TargetNeeds ssh = needs(*parse_target("ssh://u@s/e"));
  CHECK(ssh.ssh_key);
  CHECK(ssh.module_sets == Names{"ssh"});
  CHECK_FALSE(check_target(*parse_target("nfs://s/e?vers=2")));
  CHECK(check_target(*parse_target("nfs://s/e?vers=4")));
}

TEST_CASE("targets: another name for the device, where there is one") {
  TargetSpec target = *parse_target("disk:/dev/vda1:/x");
  rename_device(target, {By::kUuid, "1"});
  CHECK(to_string(target) == "disk:UUID=1:/x");
  target = *parse_target("nfs://s/e");
  rename_device(target, {By::kUuid, "1"});
  CHECK(to_string(target) == "nfs://s/e");
}

TEST_CASE("targets: the canonical text parses back to the same value") {
  for (const char* text :
       {"disk:UUID=1234:/var/crash", "disk:LABEL=my disk:/", "disk:/dev/a:b:/c", "raw:PARTLABEL=d",
        "raw:/dev/nvme0n1p3", "nfs://server/export", "nfs://[2001:db8::1]:2049/e?vers=3",
        "ssh://u@h:2222/p", "ssh://u@[::1]/p", "ssh://u@domain@h/p"}) {
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
  CHECK(why("") ==
        "target '': write disk:DEVICE:PATH, raw:DEVICE, nfs://SERVER[:PORT]/EXPORT/PATH, "
        "ssh://USER@HOST[:PORT]/PATH or virtiofs:TAG:/PATH");
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
