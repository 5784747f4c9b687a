// mkcapture check: what it hands to target-check, what it makes of the answer, and what it leaves.
#include <doctest/doctest.h>

#include <cerrno>
#include <tuple>

#include "builder/service/check.h"
#include "builder/service/check_record.h"
#include "init/contract/capture_config.h"
#include "tests/fakes/armed_machine.h"

using namespace mkcapture;
using fakes::ArmedMachine;

namespace {

/// A machine whose target-check answers `answer`, and what it was given.
struct CheckedMachine : ArmedMachine {
  std::string answer = "mounted /dev/vda1\ngood 5000000000 \n";
  std::string config;  // etc/capture.conf in the folder, at the time
  bool removed = false;

  CheckedMachine() {
    host.files["/etc/resolv.conf"] = "nameserver 10.0.0.53\n";
    host.on_run = [this](const std::vector<std::string>& argv) -> Result<std::string> {
      if (argv[0] == "mktemp") return std::string("/run/mkcapture-check.Xy12\n");
      if (argv[0] == "rm") {
        removed = argv.back() == "/run/mkcapture-check.Xy12";
        return std::string();
      }
      if (!argv[0].ends_with("/payload/target-check")) return sys_error(argv[0], ENOENT);
      config = host.files[argv[1] + "/etc/capture.conf"];
      return answer;
    };
  }
};

}  // namespace

TEST_CASE("check: the living machine's device by its name here, and nothing to load or assemble") {
  CheckedMachine m;
  CHECK(m.run({"check", "--target", "disk:LABEL=root:/var/crash"}) != 2);
  m.host.tags["/dev/vda1"].label = "root";
  CHECK(m.run({"check", "--target", "disk:LABEL=root:/var/crash"}) == 0);
  CHECK(m.said("works, 5.0 GB free"));
  const auto config = parse_config(m.config);
  REQUIRE(config);
  REQUIRE(config->targets.size() == 1);
  CHECK(to_string(config->targets[0].spec) == "disk:/dev/vda1:/var/crash");
  CHECK(config->targets[0].drivers.empty());
  CHECK(config->modules.empty());
  CHECK_FALSE(config->filesystems.empty());
  CHECK(m.host.files["/run/mkcapture-check.Xy12/etc/resolv.conf"] == "nameserver 10.0.0.53\n");
  CHECK(m.removed);
  for (const auto& [path, bytes] : m.host.files)
    CHECK(path.find("/lib/modules/") == std::string::npos);
}

TEST_CASE("check: a failure has its step, reason and way out, and status knows of it") {
  const std::string spec = std::string("disk:UUID=") + fakes::kRootUuid + ":/var/crash";
  CheckedMachine m;
  m.answer = "mounted\nfailed sync 3 28 write: No space left on device\n";
  CHECK(m.run({"check"}) == 1);
  CHECK(m.said(spec + ": failed at step sync: write: No space left on device\n  make room"));
  CHECK(m.out.find("mounted") == std::string::npos);
  const auto kept = read_check(m.host);
  REQUIRE(kept);
  CHECK_FALSE(kept->good);
  CHECK(kept->why == spec + ": sync: write: No space left on device");
  CHECK(m.removed);

  CHECK(m.run({"check", "-v"}) == 1);
  CHECK(m.said("  | mounted\n"));

  CHECK(m.run({"check", "--json"}) == 1);
  const auto json = nlohmann::json::parse(m.out);
  CHECK(json["good"] == false);
  CHECK(json["targets"][0]["step"] == "sync");
  CHECK(json["targets"][0]["free_bytes"].is_null());
  CHECK(json["targets"][0]["way_out"].get<std::string>().find("make room") == 0);

  m.answer = "good 7000 the server cannot sync\n";
  CHECK(m.run({"check"}) == 0);
  CHECK(m.said("works, 7.0 kB free; the server cannot sync"));
  CHECK(read_check(m.host)->good);
}

TEST_CASE("check: a program that says nothing, or cannot be started, is no target that works") {
  CheckedMachine m;
  m.answer = "";
  CHECK(m.run({"check"}) == 1);
  CHECK(m.said("failed at step start: target-check said nothing"));
  CHECK_FALSE(parse_target_check("good\nfailed x\n").good);
  CHECK(parse_target_check("failed mount 1 2 a\ngood - \n").good);
  CHECK(parse_target_check("failed").step.empty());
}

TEST_CASE("check: a target on a device that is not here fails without being tried") {
  CheckedMachine m;
  CHECK(m.run({"check", "--target", "disk:UUID=99999999-0000:/crash"}) == 1);
  CHECK(m.config.empty());
  CHECK(m.said("failed at step device: it is not on this machine now\n  give a device"));
}

TEST_CASE("check: the way out goes by the step, the errno and what the target stands on") {
  const auto nfs = *parse_target("nfs://h/e");
  const auto ssh = *parse_target("ssh://u@h/p");
  const auto disk = *parse_target("disk:UUID=1234-ABCD:/crash");
  const auto by_errno = [](const TargetSpec& spec, const char* step, int code) {
    return way_out(spec, step, kind_of(code), code);
  };
  CHECK(by_errno(nfs, "connect", ECONNREFUSED) == "is h up, and its port open from here?");
  CHECK(by_errno(nfs, "mount", ENOENT).find("exportfs -v") != std::string::npos);
  // Also where PATH is in no export: NFS 4 shows the folders above those, read-only.
  CHECK(by_errno(nfs, "directory", EROFS).find("export it rw; `exportfs -v`") == 0);
  CHECK(by_errno(nfs, "directory", EACCES).find("no_root_squash") != std::string::npos);
  CHECK(by_errno(disk, "sync", ENOSPC).find("keep = N") != std::string::npos);
  CHECK(by_errno(disk, "sync", EDQUOT).find("keep = N") != std::string::npos);
  CHECK(by_errno(disk, "sync", EIO).empty());
  const std::vector<std::tuple<const char*, ErrorKind, const char*>> by_ssh{
      {"connect", ErrorKind::kRefused, "authorized_keys"},
      {"connect", ErrorKind::kTimedOut, "is h up"},
      {"connect", ErrorKind::kUnavailable, "is h up"},
      {"directory", ErrorKind::kRefused, "must belong to the user"},
      {"directory", ErrorKind::kUnavailable, "make PATH"},
      {"sync", ErrorKind::kNoSpace, "make room"}};
  for (const auto& [step, kind, wanted] : by_ssh) {
    CAPTURE(step);
    CHECK(way_out(ssh, step, kind, 0).find(wanted) != std::string::npos);
  }
  CHECK(by_errno(ssh, "connect", ECONNREFUSED).find("is h up") == 0);
  CHECK(way_out(ssh, "sync", ErrorKind::kBroken, 0).empty());
}
