// mkcapture dumps, and what is told after the boot that followed a crash.
#include <doctest/doctest.h>

#include "builder/service/dump_content.h"
#include "builder/service/record.h"
#include "tests/fakes/armed_machine.h"

using namespace mkcapture;
using fakes::ArmedMachine;

TEST_CASE("dumps: the name says whose and when; other names are no dumps") {
  const auto name = parse_dump_name("crash-box-2026-11-24-13:34:04");
  REQUIRE(name);
  CHECK(name->host == "crash-box");
  CHECK(name->time == "2026-11-24 13:34:04");
  CHECK(parse_dump_name("box-2026-11-24-13-34-04")->time == "2026-11-24 13:34:04");
  for (const char* other : {"", "lost+found", "-2026-11-24-13:34:04", "202611241334", "kexec_cmd",
                            "box-2026-11-24-13:34:0x", "box-2026-11-24 13:34:04"})
    CHECK_MESSAGE(!parse_dump_name(other), other);
}

TEST_CASE("dumps: time, kernel, the panic's line, size, whole or not, the debug package") {
  ArmedMachine machine;
  machine.host.files["/etc/os-release"] = "PRETTY_NAME=\"Debian\"\nID=debian\n";
  machine.panicked("office-2026-11-24-13:34:04", 5000,
                   "[    0.000000] Linux version 6.1.0-other (x) #1\n"
                   "[    7.677421] Kernel panic - not syncing: sysrq triggered crash\n");
  machine.host.files["/var/crash/office-2026-11-20-01:02:03/vmcore.incomplete"] =
      "\x7f"
      "ELF....OSRELEASE=6.1.0-9-amd64\nPAGESIZE=4096\n";
  machine.host.files["/var/crash/office-2026-11-21-01:02:03/vmcore-dmesg.txt"] =
      "[    0.0] Linux version 5.10.0 (y)\n";
  machine.host.files["/var/crash/notes/readme"] = "not a dump";
  REQUIRE(machine.run({"dumps"}) == 0);
  CHECK(machine.out ==
        "/var/crash/office-2026-11-20-01:02:03\n"
        "  2026-11-20 01:02:03 UTC, 6.1.0-9-amd64, 46 bytes, incomplete\n"
        "  opened with linux-image-6.1.0-9-amd64-dbg\n"
        "/var/crash/office-2026-11-21-01:02:03\n"
        "  2026-11-21 01:02:03 UTC, 5.10.0, the log alone\n"
        "/var/crash/office-2026-11-24-13:34:04\n"
        "  2026-11-24 13:34:04 UTC, 6.1.0-test, 5.0 kB, whole\n"
        "  Kernel panic - not syncing: sysrq triggered crash\n"
        "  opened with linux-image-6.1.0-test-dbg\n");
  REQUIRE(machine.run({"dumps", "--json"}) == 0);
  const auto json = nlohmann::json::parse(machine.out);
  REQUIRE(json["dumps"].size() == 3);
  CHECK(json["dumps"][2]["whole"] == true);
  CHECK(json["dumps"][2]["bytes"] == 5000);
  CHECK(json["dumps"][0]["whole"] == false);
  CHECK(json["targets"][0]["folder"] == "/var/crash");
}

TEST_CASE("dumps: none, not mounted, not here") {
  ArmedMachine machine;
  REQUIRE(machine.run({"dumps"}) == 0);
  CHECK(machine.out == "no dumps\n");
  REQUIRE(machine.run({"dumps", "-t", "disk:UUID=1234:/x"}) == 0);
  CHECK(machine.said("disk:UUID=1234:/x: UUID=1234 is not on this machine"));
  machine.host.files["/proc/self/mountinfo"] = "23 22 0:21 / /proc rw - proc proc rw\n";
  REQUIRE(machine.run({"dumps", "-t", "disk:/dev/vda1:/x"}) == 0);
  CHECK(machine.said("/dev/vda1 is not mounted: mount it to see its dumps"));
  REQUIRE(machine.run({"dumps", "-t", "nfs://10.0.0.9/x"}) == 0);
  CHECK(machine.said("no target is a directory on a disk of this machine"));
}

TEST_CASE("dumps: the line that says why") {
  CHECK(panic_line("[1.0] x\n[2.0][ T1] Kernel panic - not syncing: hung_task\n") ==
        "Kernel panic - not syncing: hung_task");
  CHECK(panic_line("[1.0] BUG: unable to handle page fault for address: 0\n[1.1] Oops: 0000\n"
                   "[2.0] Kernel panic - not syncing: Fatal exception in interrupt\n") ==
        "BUG: unable to handle page fault for address: 0");
  CHECK(panic_line("[1.0] Kernel panic - not syncing: Fatal exception\n") ==
        "Kernel panic - not syncing: Fatal exception");
  CHECK(panic_line("[1.0] all is well\n").empty());
  CHECK(panic_line("").empty());
  const std::string shown =
      panic_line("Kernel panic - not syncing: \x1b[2J" + std::string(900, 'a'));
  CHECK(shown.size() == 200);
  CHECK(shown.find('\x1b') == std::string::npos);
}

TEST_CASE("dumps: the debug package by the distribution's names") {
  CHECK(debug_package("ID=ubuntu\nID_LIKE=debian\n", "6.8.0-1-generic") ==
        "linux-image-6.8.0-1-generic-dbgsym");
  CHECK(debug_package("ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n", "5.14.0-1.el9.x86_64") ==
        "kernel-debuginfo-5.14.0-1.el9.x86_64");
  CHECK(debug_package("ID=other\n", "6.1").empty());
  CHECK(debug_package("ID=debian\n", "").empty());
}

TEST_CASE("dumps: a release is what a package's name can hold") {
  std::string header = "KDUMP   " + std::string(4 + 130, '\0') + "6.1; rm -rf /";
  header.resize(400, '\0');
  CHECK(release_in_dump(header) == "6.1");
  CHECK(release_in_dump("KDUMP   ").empty());
  CHECK(release_in_dump("").empty());
  CHECK(release_in_log("no version").empty());
}

TEST_CASE(
    "record: what is there before the first arm is no news; the next dump is, until looked at") {
  ArmedMachine machine;
  machine.panicked("office-2026-11-01-00:00:00", 4000, "Kernel panic - not syncing: old\n");
  REQUIRE(machine.run({"arm"}) == 0);
  REQUIRE(machine.run({"dumps", "--record"}) == 0);
  CHECK(machine.out.empty());
  CHECK(!machine.host.files.contains(kMotdPath));

  machine.panicked("office-2026-11-24-13:34:04", 4000, "Kernel panic - not syncing: new\n");
  REQUIRE(machine.run({"dumps", "--record", "--on-dump", "mail \"$1\""}) == 0);
  CHECK(machine.out ==
        "this machine crashed at 2026-11-24 13:34:04 UTC: Kernel panic - not syncing: new; the "
        "dump is in /var/crash/office-2026-11-24-13:34:04\n");
  CHECK(machine.host.ran.back() ==
        std::vector<std::string>{"sh", "-c", "mail \"$1\"", "mkcapture",
                                 "/var/crash/office-2026-11-24-13:34:04"});
  CHECK(machine.host.files.at(kMotdPath).find("a new crash dump") != std::string::npos);

  // Told once; still there to be looked at.
  const auto ran = machine.host.ran.size();
  REQUIRE(machine.run({"dumps", "--record", "--on-dump", "mail \"$1\""}) == 0);
  CHECK(machine.out.empty());
  CHECK(machine.host.ran.size() == ran);
  CHECK(read_record(machine.host).fresh.size() == 1);
  REQUIRE(machine.run({"dumps"}) == 0);
  CHECK(read_record(machine.host).fresh.empty());
  CHECK(!machine.host.files.contains(kMotdPath));
}

TEST_CASE("record: a command that fails costs no record") {
  ArmedMachine machine;
  REQUIRE(machine.run({"arm"}) == 0);
  machine.panicked("office-2026-11-24-13:34:04", 4000, "");
  machine.host.on_run = [](const auto&) -> Result<std::string> { return fail("sh: no mail"); };
  REQUIRE(machine.run({"dumps", "--record", "--on-dump", "mail"}) == 0);
  CHECK(machine.err == "mkcapture: on_dump: sh: no mail\n");
  CHECK(read_record(machine.host).known.size() == 1);
}
