// mkcapture status in the states that a machine can be in: text, JSON and exit status.
#include <doctest/doctest.h>

#include "builder/service/check_record.h"
#include "builder/service/record.h"
#include "tests/fakes/armed_machine.h"

using namespace mkcapture;
using fakes::ArmedMachine;

namespace {

struct State {
  const char* name;
  std::function<void(ArmedMachine&)> change;  // of an armed machine
  int exit;
  const char* code;  // of the first finding; empty: none
  const char* text;  // in the words for people
};

const std::vector<State>& states() {
  static const std::vector<State> kStates = {
      {"all is well", [](ArmedMachine&) {}, 0, "", "armed\n"},
      {"not reserved",
       [](ArmedMachine& m) {
         m.host.files["/sys/kernel/kexec_crash_size"] = "0\n";
         m.host.files["/sys/kernel/kexec_crash_loaded"] = "0\n";
       },
       1, "not_reserved", "no memory is reserved: mkcapture crashkernel --apply, then reboot"},
      {"not loaded",
       [](ArmedMachine& m) { m.host.files["/sys/kernel/kexec_crash_loaded"] = "0\n"; }, 1,
       "not_loaded", "memory is reserved, but nothing is loaded: mkcapture arm"},
      {"lockdown",
       [](ArmedMachine& m) {
         m.host.files["/sys/kernel/kexec_crash_loaded"] = "0\n";
         m.host.files["/sys/kernel/security/lockdown"] = "none integrity [confidentiality]\n";
       },
       1, "lockdown", "lockdown (confidentiality) lets only a signed kernel be loaded"},
      {"stale kernel", [](ArmedMachine& m) { m.host.release = "6.1.0-next"; }, 3, "other_kernel",
       "the image is for 6.1.0-test, and 6.1.0-next runs: mkcapture arm"},
      {"configuration changed",
       [](ArmedMachine& m) {
         m.host.files[m.tree.path("etc/modprobe.d/x.conf")] = "options x y=1\n";
       },
       3, "stale", "/etc/modprobe.d has changed: mkcapture arm"},
      {"target gone",
       [](ArmedMachine& m) {
         m.host.nodes.erase("/dev/vda1");
         m.host.tags.erase("/dev/vda1");
       },
       3, "target_gone", "its device is not on this machine"},
      {"target changed its UUID",
       [](ArmedMachine& m) { m.host.tags["/dev/vda1"].uuid = "99999999-0000"; }, 3, "stale",
       "UUID=99999999-0000"},
      {"space short", [](ArmedMachine& m) { m.host.free_space["/var/crash"] = 1000; }, 3,
       "space_short", "1.0 kB are free, and the next dump may take 307.2 MB"},
      {"check failed",
       [](ArmedMachine& m) {
         REQUIRE(write_check(m.host, {m.host.clock - 60, false, "the server refuses the key"}));
       },
       3, "check_failed", "the last check failed: the server refuses the key"},
      {"check too old",
       [](ArmedMachine& m) { REQUIRE(write_check(m.host, {m.host.clock - 20 * 86400, true, ""})); },
       3, "check_old", "the last check was 20 days ago: mkcapture check"},
      {"a dump since the last boot",
       [](ArmedMachine& m) {
         m.panicked("office-2026-11-24-13:34:04", 4000, "Kernel panic - not syncing: x\n");
         REQUIRE(m.run({"dumps", "--record"}) == 0);
       },
       3, "new_dump", "nobody has looked: /var/crash/office-2026-11-24-13:34:04 (mkcapture dumps)"},
      {"reservation too small",
       [](ArmedMachine& m) { m.host.files["/sys/kernel/kexec_crash_size"] = "33554432\n"; }, 3,
       "reservation_small", "32M are reserved, and this image needs "},
      {"loaded by somebody else", [](ArmedMachine& m) { m.host.files.erase(kLoadedPath); }, 3,
       "not_ours", "mkcapture arm did not load what is loaded"},
  };
  return kStates;
}

// By /dev/vda1 the target is found again under another UUID; by UUID it is gone.
std::vector<std::string> target_of(const State& state) {
  const std::string name = state.name;
  if (name == "target changed its UUID") return {"-t", "disk:/dev/vda1:/var/crash"};
  if (name == "target gone")
    return {"-t", "disk:UUID=" + std::string(fakes::kRootUuid) + ":/var/crash"};
  return {};
}

}  // namespace

TEST_CASE("status: every state has its words, its code and its exit status") {
  for (const State& state : states()) {
    CAPTURE(state.name);
    ArmedMachine machine;
    std::vector<std::string> target = target_of(state), arm = {"arm"}, status = {"status"};
    arm.insert(arm.end(), target.begin(), target.end());
    status.insert(status.end(), target.begin(), target.end());
    REQUIRE_MESSAGE(machine.run(arm) == 0, machine.err);
    machine.host.clock += 3600;
    state.change(machine);

    CHECK(machine.run(status) == state.exit);
    CHECK_MESSAGE(machine.said(state.text), machine.out);
    const char* verdict = state.exit == 0   ? "armed\n"
                          : state.exit == 1 ? "not armed\n"
                                            : "armed with warnings\n";
    CHECK(machine.out.starts_with(verdict));

    status.emplace_back("--json");
    CHECK(machine.run(status) == state.exit);
    const auto json = nlohmann::json::parse(machine.out, nullptr, false);
    REQUIRE(json.is_object());
    CHECK(json["version"] == 1);
    CHECK(json["exit"] == state.exit);
    CHECK(json["armed"] == (state.exit != 1));
    const auto& findings = state.exit == 1 ? json["problems"] : json["warnings"];
    std::vector<std::string> codes;
    for (const auto& finding : findings)
      codes.push_back(finding["code"]);
    if (*state.code == '\0')
      CHECK(codes.empty());
    else
      CHECK(std::find(codes.begin(), codes.end(), state.code) != codes.end());
  }
}

TEST_CASE("status: reads, asks no network, runs no program, writes nothing") {
  ArmedMachine machine;
  machine.host.names["backup.example"] = {"10.0.0.9"};
  REQUIRE(machine.run({"arm"}) == 0);
  const auto files = machine.host.files;
  const auto ran = machine.host.ran.size();
  machine.host.names.clear();
  (void)machine.run({"status", "-t", "nfs://backup.example/export"});
  CHECK(machine.host.files == files);
  CHECK(machine.host.ran.size() == ran);
  CHECK(machine.said("nfs://backup.example/export"));
}

TEST_CASE("status: before the first arm") {
  ArmedMachine machine;
  CHECK(machine.run({"status"}) == 1);
  CHECK(machine.said("not armed\n  problem: memory is reserved, but nothing is loaded"));
  CHECK(machine.said("last check  never"));
}

TEST_CASE("status: a check record that cannot be understood is none") {
  ArmedMachine machine;
  machine.host.files[kCheckPath] = "{\"at\": \"yesterday\"}";
  CHECK(!read_check(machine.host));
  machine.host.files[kCheckPath] = "no json";
  CHECK(!read_check(machine.host));
}
