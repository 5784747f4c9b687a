#include <doctest/doctest.h>

#include "init/contract/verdict.h"
#include "init/worker/dump_name.h"

using namespace mkcapture;
using namespace mkcapture::init;

TEST_CASE("verdict lines have exactly the form that tools look for") {
  const auto target = *parse_target("disk:LABEL=crash:/var/crash");
  CHECK(saved_line(target, 123456, Milliseconds(2034), "/var/crash/n-1/vmcore") ==
        "saved target=disk:LABEL=crash:/var/crash bytes=123456 seconds=2.034 "
        "path=/var/crash/n-1/vmcore");
  CHECK(saved_line(target, 1, Milliseconds(1), "/v", "no \"sync\"") ==
        "saved target=disk:LABEL=crash:/var/crash bytes=1 seconds=0.001 path=/v "
        "note=\"no 'sync'\"");
  CHECK(failed_line(target, Step::kDevice, "no \"such\"\ndevice") ==
        "failed target=disk:LABEL=crash:/var/crash step=device reason=\"no 'such' device\"");
  CHECK(done_line(true, FinalAction::kReboot) == "done status=saved action=reboot");
  CHECK(done_line(false, FinalAction::kHalt) == "done status=failed action=halt");
}

TEST_CASE("verdict: a target with blanks stands in quotes") {
  const auto target = *parse_target("disk:PARTLABEL=crash \"dumps\":/var/crash");
  CHECK(saved_line(target, 1, Milliseconds(1), "/p") ==
        "saved target=\"disk:PARTLABEL=crash 'dumps':/var/crash\" bytes=1 seconds=0.001 path=/p");
  CHECK(failed_line(target, Step::kMount, "no") ==
        "failed target=\"disk:PARTLABEL=crash 'dumps':/var/crash\" step=mount reason=\"no\"");
}

TEST_CASE("verdict: a long reason is cut within its quotes") {
  const auto target = *parse_target("raw:/dev/vdb");
  const std::string line = failed_line(target, Step::kDump, std::string(5000, 'x'));
  CHECK(line.size() <= 900);
  CHECK(line.ends_with("x\""));
}

TEST_CASE("dump names: host and UTC time") {
  CHECK(dump_name("node7", 0) == "node7-1970-01-01-00:00:00");
  CHECK(dump_name("10.0.2.15", 1795511045) == "10.0.2.15-2026-11-24-09:04:05");
  CHECK(dump_name("", 0) == "unknown-1970-01-01-00:00:00");
  CHECK(dump_name("..", 0) == "unknown-1970-01-01-00:00:00");
  CHECK(dump_name("a/b\n", 0) == "a_b_-1970-01-01-00:00:00");
}
