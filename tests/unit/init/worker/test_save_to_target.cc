#include <doctest/doctest.h>

#include <algorithm>
#include <cerrno>

#include "init/worker/dump_watch.h"
#include "init/worker/retention.h"
#include "init/worker/save.h"
#include "tests/fakes/fake_system.h"
#include "tests/fakes/fake_target.h"

using namespace mkcapture;
using namespace mkcapture::dump;
using namespace mkcapture::init;
using Calls = std::vector<std::string>;

namespace {

constexpr std::string_view kDump = "DUMP";
constexpr const char* kName = "node7-1970-01-01-00:00:42";

struct Run {
  Run() : state(*WorkerState::create()) {
    vmcore.crashed = 42;
    config = *parse_config(
        "target=disk:LABEL=crash:/var/crash\ndrivers=virtio_blk\nmodule=virtio_blk|||storage\n");
    system.files["/lib/modules/virtio_blk.ko"] = "ELF";
    report.pages_total = report.pages_saved = 256;
    report.bytes_written = kDump.size();
  }
  int save() {
    SaveParts parts;
    parts.open_vmcore = [this]() -> Result<std::unique_ptr<Vmcore>> {
      if (!vmcore_error.empty()) return fail(vmcore_error);
      return std::unique_ptr<Vmcore>(std::make_unique<FakeVmcore>(vmcore));
    };
    parts.make_target = [this](const TargetSpec&, const TargetContext&) {
      CHECK(system.loaded() == loaded);  // only now are devices touched
      return std::unique_ptr<Target>(std::make_unique<FakeTarget>(store));
    };
    parts.forecast = [this](Vmcore&, const DumpChoice& choice) -> Result<LevelReport> {
      LevelReport told;
      told.bytes_forecast = forecast[choice.level];
      return told;
    };
    parts.write_dump = [this](Vmcore&, Output& output, const DumpOptions& options,
                              DumpProgress&) -> Result<DumpReport> {
      saved_level = options.choice.level;
      CHECK(state->step() == Step::kDump);
      system.sleep(Milliseconds(1500));
      if (!dump_error.empty()) return fail(dump_error);
      if (bounded) TRY(output.write_at(0, std::as_bytes(std::span(kDump))));
      CHECK(output.write_at(0, std::as_bytes(std::span(kDump))).ok());
      CHECK(output.finish(kDump.size()).ok());
      return report;
    };
    parts.copy_kernel_log = [this](Output& output) -> Status {
      std::string log;
      for (const auto& line : system.lines)
        log += line + "\n";
      TRY(output.write_at(0, std::as_bytes(std::span(log))));
      return output.finish(log.size());
    };
    return save_to_target({system,
                           config,
                           config.targets[0],
                           *state,
                           Deadline(system, Milliseconds(60'000)),
                           verdicts_before,
                           {},
                           probes_hang},
                          parts);
  }
  FakeSystem system;
  CaptureConfig config;
  Calls loaded{"virtio_blk async_probe"};  // when the target is opened
  WorkerState::Owner state;
  FakeVmcore vmcore;
  FakeStore store;
  DumpReport report;
  std::map<int, std::uint64_t> forecast;  // by level
  int saved_level = -1;                   // at which the dump was written
  std::string vmcore_error, dump_error;
  Calls verdicts_before;
  bool probes_hang = false;
  bool bounded = false;  // the dump meets the end of what it may take
};

std::string failed(const std::string& step, const std::string& reason) {
  return "failed target=disk:LABEL=crash:/var/crash step=" + step + " reason=\"" + reason + "\"";
}

}  // namespace

TEST_CASE("save: the whole way, in order") {
  Run run;
  run.store.free = Space{1 << 30, 1 << 30};
  CHECK(run.save() == 0);
  CHECK(run.state->saved());
  CHECK(run.state->ready());
  CHECK(run.store.calls == Calls{"open", std::string("mkdir ") + kName, "create vmcore-dmesg.txt",
                                 "create kexec-dmesg.log", "create vmcore.incomplete",
                                 "rename vmcore.incomplete vmcore", "create kexec-dmesg.log",
                                 "close"});
  CHECK(run.store.files["vmcore"] == kDump);
  CHECK(run.store.files["vmcore-dmesg.txt"] == "[    0.000000] Linux\n");
  const std::string verdict = std::string(
                                  "saved target=disk:LABEL=crash:/var/crash bytes=4 seconds=1.500 "
                                  "path=/var/crash/") +
                              kName + "/vmcore";
  CHECK(run.system.logged(verdict));
  CHECK(run.store.files["kexec-dmesg.log"].find(verdict) != std::string::npos);
}

TEST_CASE("save: an image's only filesystem is ready before the devices") {
  Run run;
  for (const char* type : {"ext4", "xfs"}) {
    run.config.modules.push_back({type, {}, "", ""});
    run.system.files["/lib/modules/" + std::string(type) + ".ko"] = "ELF";
  }
  SUBCASE("one") {
    run.config.filesystems = {{"ext4", {"ext4"}}, {"ext3", {"ext4"}}};
    run.loaded = {"ext4 async_probe", "virtio_blk async_probe"};
  }
  SUBCASE("of two it cannot be told") {
    run.config.filesystems = {{"ext4", {"ext4"}}, {"xfs", {"xfs"}}};
  }
  CHECK(run.save() == 0);
}

TEST_CASE("save: a vmcore with impossible headers touches nothing") {
  Run run;
  run.vmcore_error = "PT_LOAD 3 is larger than any machine";
  CHECK(run.save() == 1);
  CHECK(run.store.calls.empty());
  CHECK(run.system.loaded().empty());
  CHECK(run.system.logged(failed("start", "PT_LOAD 3 is larger than any machine")));
}

TEST_CASE("save: a target that does not open is neither written nor closed") {
  Run run;
  run.store.errors["open"] = "no device with LABEL=crash";
  CHECK(run.save() == 1);
  CHECK(run.store.calls == Calls{"open"});
  CHECK_FALSE(run.state->ready());
  CHECK_FALSE(run.state->kept_line().empty());
}

TEST_CASE("save: without the crashed kernel's log the dump is saved all the same") {
  Run run;
  SUBCASE("not found") {
    run.vmcore.dmesg.clear();
  }
  SUBCASE("not created") {
    run.store.errors["create vmcore-dmesg.txt"] = "denied";
  }
  CHECK(run.save() == 0);
  CHECK(run.system.logged("vmcore-dmesg.txt not saved: "));
}

TEST_CASE("save: the host falls back to the address, the time to the clock") {
  Run run;
  run.vmcore.node.clear();
  run.vmcore.crashed = 0;
  run.system.wall = 86'400;
  SUBCASE("address") {
    run.store.address = "10.0.2.15";
    CHECK(run.save() == 0);
    CHECK(run.store.calls[1] == "mkdir 10.0.2.15-1970-01-02-00:00:00");
  }
  SUBCASE("nothing at all") {
    CHECK(run.save() == 0);
    CHECK(run.store.calls[1] == "mkdir unknown-1970-01-02-00:00:00");
  }
}

TEST_CASE("save: an incomplete dump keeps its name, and the log says how far it came") {
  Run run;
  run.report.incomplete = "No space left on device";
  run.report.pages_saved = 100;
  CHECK(run.save() == 1);
  CHECK(run.store.files.count("vmcore") == 0);
  CHECK(run.store.files["vmcore.incomplete"] == kDump);
  CHECK(run.system.logged(
      failed("dump", "No space left on device; incomplete, with 100 of 256 pages")));
  CHECK(run.store.calls.back() == "close");
  CHECK(run.store.reserved["kexec-dmesg.log"] >= 64 << 10);  // before the disk became full
  CHECK(run.store.files["kexec-dmesg.log"].find("100 of 256") != std::string::npos);
}

TEST_CASE("save: a server whose names hold no colons is asked again with '-'") {
  Run run;
  run.store.errors[std::string("mkdir ") + kName] = "Failure";
  CHECK(run.save() == 0);
  CHECK(run.system.logged("path=/var/crash/node7-1970-01-01-00-00-42/vmcore"));

  Run silent;
  silent.store.errors[std::string("mkdir ") + kName] = "no answer";
  silent.store.kinds[std::string("mkdir ") + kName] = ErrorKind::kTimedOut;
  CHECK(silent.save() == 1);
  CHECK(std::ranges::count_if(silent.store.calls, [](const std::string& call) {
          return call.starts_with("mkdir ");
        }) == 1);
}

TEST_CASE("save: errors of dump and rename are verdicts of their own step") {
  Run run;
  std::string expected;
  SUBCASE("dump") {
    run.dump_error = "vmcore: Input/output error";
    expected = failed("dump", "vmcore: Input/output error");
  }
  SUBCASE("rename") {
    run.store.errors["rename vmcore.incomplete vmcore"] = "Stale file handle";
    expected = failed("rename", "Stale file handle");
  }
  if (expected.empty()) return;
  CHECK(run.save() == 1);
  CHECK(run.system.logged(expected));
}

TEST_CASE("save: what fails after the rename does not undo a saved dump") {
  Run run;
  run.store.errors["create kexec-dmesg.log"] = "No space left on device";
  run.store.errors["close"] = "Device or resource busy";
  CHECK(run.save() == 0);
  CHECK(run.state->saved());
  CHECK(run.system.logged("kexec-dmesg.log: No space left on device"));
  CHECK(run.system.logged("closing: Device or resource busy"));
}

TEST_CASE("save: what the target cannot promise stands in the log and in the verdict") {
  Run run;
  run.store.note = "the server cannot sync";
  CHECK(run.save() == 0);
  CHECK(run.system.logged("vmcore: the server cannot sync"));
  CHECK(run.system.logged("/vmcore note=\"the server cannot sync\""));
}

TEST_CASE("save: a raw target takes the dump alone") {
  Run run;
  run.store.directory = false;
  run.config.targets[0].spec = *parse_target("raw:/dev/vdb");
  CHECK(run.save() == 0);
  CHECK(run.store.calls == Calls{"open", "create vmcore.incomplete", "close"});
  CHECK(run.system.logged("saved target=raw:/dev/vdb bytes=4 seconds=1.500 path=/dev/vdb"));

  Run stable;
  stable.store.directory = false;
  stable.config.targets[0].spec = *parse_target("raw:PARTUUID=9f-1");
  CHECK(stable.save() == 0);
  CHECK(stable.system.logged(" path=PARTUUID=9f-1"));
}

TEST_CASE("save: what will not fit is saved at level 31, else the log alone, each told before") {
  constexpr std::uint64_t kMega = 1 << 20;  // the fake vmcore's size
  Run run;
  run.config.dump = {0, DumpFormat::kElf, DumpCodec::kNone};
  run.store.free = Space{kMega / 2, 10 * kMega};
  run.config.reserve = 0;
  run.forecast = {{0, kMega}, {1, kMega / 2}, {31, kMega / 4}};
  SUBCASE("level 31 fits") {
    CHECK(run.save() == 0);
    CHECK(run.saved_level == 31);
    CHECK(run.system.logged("about 1.0 MB on the target, and 524.3 kB may be written"));
    CHECK(run.system.logged("it will not fit, so level 31"));
    CHECK(run.system.logged("dump starts: level 31"));
  }
  SUBCASE("the default reserve counts") {
    run.config.reserve.reset();  // 5 % of the file system: all that is free
    for (int second = 10; second < 21; ++second) {
      run.store.dumps.push_back(
          {"node7-1970-01-01-00:00:" + std::to_string(second), {"kexec-dmesg.log"}});
    }
    CHECK(run.save() == 1);
    CHECK(run.saved_level == -1);
    CHECK(
        run.system.logged("failed target=disk:LABEL=crash:/var/crash step=dump reason=\"no room"));
    CHECK(run.store.files["vmcore-dmesg.txt"] == "[    0.000000] Linux\n");
    CHECK(run.store.files.count("vmcore.incomplete") == 0);
    CHECK(run.store.dumps.size() == kLogsKept - 1);  // and the new one
    CHECK(run.system.logged("removed node7-1970-01-01-00:00:10, incomplete: the newest 10 logs"));
  }
  SUBCASE("but what the filter and the kernel did not agree about") {
    run.config.filter_check = *parse_filter_check("6.1.0-test - 31 1/0 900/900 9/0 9/0 1/0");
    run.forecast[25] = kMega / 3;
    CHECK(run.save() == 0);
    CHECK(run.saved_level == 25);
    CHECK(run.system.logged("it will not fit, so level 25"));
  }
  SUBCASE("what just fits is saved as it was asked for") {
    run.config.dump = {1, DumpFormat::kKdump, DumpCodec::kZstd};
    CHECK(run.save() == 0);
    CHECK(run.saved_level == 1);
  }
  SUBCASE("the last one may be tried where the forecast is a little more than there is") {
    run.forecast[31] = kMega / 2 + kMega / 40;
    CHECK(run.save() == 0);
    CHECK(run.saved_level == 31);
  }
  SUBCASE("not even level 31") {
    run.forecast[31] = kMega / 2 + kMega / 20;
    CHECK(run.save() == 1);
    CHECK(run.saved_level == -1);
    CHECK(run.system.logged("it will not fit"));
    CHECK(run.system.logged("the log alone"));
  }
  SUBCASE("a dump that takes more ends where the reserve begins") {
    run.config.dump = {1, DumpFormat::kKdump, DumpCodec::kZstd};
    run.forecast = {{1, 8}};
    run.config.reserve = kMega / 2 - 3;
    run.bounded = true;
    CHECK(run.save() == 1);
    CHECK(run.system.logged("write: No space left on device"));
  }
}

TEST_CASE("save: what the filter and this very kernel did not agree about is kept") {
  struct Row {
    const char* check;
    int level;
    const char* says;
  };
  const Row rows[] = {
      {"6.1.0-test c0ffee 31 1000/0 1000/0 1000/0 1000/0 1/0", 31,
       "the page filter was compared with this kernel while it ran: 0 of 4001 pages differ"},
      {"6.1.0-test c0ffee 31 1000/0 1000/900 1000/0 1000/0 1/0", 25,
       "900 of 4001 pages differ: level 25, not 31"},
      {"6.1.0-test - 31 1000/100 1000/0 1000/0 1000/0 1/0", 1,
       "100 of 4001 pages differ: level 1, not 31"},
      {"6.1.0-test abad1dea 31 1000/900 1000/0 1000/0 1000/0 1/0", 31,
       "the page filter was compared with 6.1.0-test, not with this kernel"},
      {"6.1.0-other c0ffee 31 1000/900 1000/0 1000/0 1000/0 1/0", 31,
       "the page filter was compared with 6.1.0-other, not with this kernel"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.check);
    Run run;
    run.config.filter_check = *parse_filter_check(row.check);
    CHECK(run.save() == 0);
    CHECK(run.saved_level == row.level);
    CHECK(run.system.logged(row.says));
  }
}

TEST_CASE("save: older dumps go after the verdict, and only where keep says so") {
  Run run;
  const std::string older = "node7-1970-01-01-00:00:41";
  run.store.dumps = {{older, {"vmcore"}}};
  SUBCASE("not asked for") {
    CHECK(run.save() == 0);
    CHECK(run.store.dumps.size() == 1);
  }
  SUBCASE("asked for") {
    run.config.keep = 1;
    CHECK(run.save() == 0);
    CHECK(run.store.dumps.empty());
    CHECK(run.system.logged("removed " + older));
    const auto& calls = run.store.calls;
    CHECK(std::find(calls.begin(), calls.end(), "rename vmcore.incomplete vmcore") <
          std::find(calls.begin(), calls.end(), "remove " + older));
  }
  SUBCASE("a dump that failed removes nothing") {
    run.config.keep = 1;
    run.dump_error = "vmcore: Input/output error";
    CHECK(run.save() == 1);
    CHECK(run.store.dumps.size() == 1);
  }
}

TEST_CASE("save: too little space is said, and tried") {
  Run run;
  run.store.free = Space{1000, 1000};
  CHECK(run.save() == 0);
  CHECK(run.system.logged("1.0 kB free, the dump needs at most 1.0 MB: it may not fit"));
}

TEST_CASE("progress lines: percent, rate and time left, never more than 5 s apart") {
  FakeSystem system;
  auto state = *WorkerState::create();
  ProgressLines progress(system, *state);
  Milliseconds last{0};
  for (int i = 1; i <= 100; ++i) {
    system.sleep(Milliseconds(300));
    const auto lines = system.lines.size();
    progress.update(static_cast<std::uint64_t>(i), 100, static_cast<std::uint64_t>(i) * 3'000'000);
    if (system.lines.size() == lines) continue;
    CHECK(system.now() - last <= Milliseconds(5000));
    last = system.now();
  }
  CHECK(state->moves() == 100);
  REQUIRE(system.lines.size() > 5);
  CHECK(system.lines[0] == "dump 14%: 42.0 MB in 4s, 10.0 MB/s, 26s left");
}

TEST_CASE("progress lines: page descriptors are progress too, though no page comes of them") {
  FakeSystem system;
  auto state = *WorkerState::create();
  ProgressLines progress(system, *state);
  for (std::uint64_t i = 1; i <= 100; ++i) {
    system.sleep(Milliseconds(100));
    progress.looked_at(i, 100);
    progress.update(0, 1000, 4096);
  }
  CHECK(state->moves() == 200);
  REQUIRE(system.lines.size() > 1);
  CHECK(system.lines[0] == "page descriptors 40%");
}

TEST_CASE("watched output: the deadline refuses one write, what closes the dump passes") {
  FakeSystem system;
  auto state = *WorkerState::create();
  std::string text;
  const auto output = watched_output(std::make_unique<StringOutput>(text), *state,
                                     Deadline(system, Milliseconds(100)));
  const auto bytes = std::as_bytes(std::span(kDump));
  CHECK(output->write_at(0, bytes).ok());
  CHECK(state->moves() == 1);
  system.sleep(Milliseconds(100));
  const auto refused = output->write_at(4, bytes);
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().code == ETIMEDOUT);
  CHECK(output->write_at(0, bytes).ok());
  CHECK(output->finish(4).ok());
  CHECK(text == kDump);
}

TEST_CASE("save: a target that is not there yet is left open, one that refuses is not") {
  Run run;
  run.store.errors["open"] = "no device with LABEL=crash";
  std::string expected;
  SUBCASE("not there") {
    expected = "not yet target=disk:LABEL=crash:/var/crash step=drivers reason=\"no device";
  }
  SUBCASE("refused") {
    run.store.kinds["open"] = ErrorKind::kRefused;
    expected = "failed target=disk:LABEL=crash:/var/crash step=drivers reason=\"no device";
  }
  CHECK(run.save() == 1);
  CHECK(run.system.logged(expected));
}

TEST_CASE("save: `wait` begins when the drivers are loaded") {
  Run run;
  run.config.wait = Milliseconds(10'000);
  run.system.on_module = [](FakeSystem& s, const std::string&) { s.sleep(Milliseconds(40'000)); };
  CHECK(run.save() == 0);
  CHECK(run.store.open_left == Milliseconds(10'000));
}

TEST_CASE("save: modules of another kernel are not waited for, and the reason says so") {
  Run run;
  run.config.kernel = "6.1.0-50-amd64";
  run.system.files["/proc/sys/kernel/osrelease"] = "6.1.0-51-amd64\n";
  run.system.errors["load virtio_blk"] = ENOEXEC;
  run.loaded = {"virtio_blk async_probe"};
  SUBCASE("the device does not come") {
    run.store.errors["open"] = "no device";
    CHECK(run.save() == 1);
    CHECK(run.store.open_left == Milliseconds(5'000));
    CHECK(
        run.system.logged("failed target=disk:LABEL=crash:/var/crash step=drivers reason=\"no "
                          "device; the modules are "
                          "of another kernel (6.1.0-50-amd64)\""));
  }
  SUBCASE("its driver is built in") {
    CHECK(run.save() == 0);
  }
}

TEST_CASE(
    "save: of a disk no module waits for any probe; of a server and a channel only after a hang") {
  Run run;
  run.config.modules.push_back({"ext4", {}, "", "fs"});
  run.system.files["/lib/modules/ext4.ko"] = "ELF";
  run.config.filesystems = {{"ext4", {"ext4"}}};
  SUBCASE("disk") {
    run.loaded = {"ext4 async_probe", "virtio_blk async_probe"};
  }
  SUBCASE("server") {
    run.config.targets[0].spec = *parse_target("nfs://server/path");
    run.loaded = {"virtio_blk"};
  }
  SUBCASE("server, after a hang") {
    run.config.targets[0].spec = *parse_target("nfs://server/path");
    run.probes_hang = true;
    run.loaded = {"virtio_blk async_probe"};
  }
  CHECK(run.save() == 0);
}

TEST_CASE("save: verdicts that were put off stand before the one that says saved") {
  Run run;
  run.verdicts_before = {"failed target=x step=device reason=\"y\""};
  CHECK(run.save() == 0);
  const std::string& log = run.store.files["kexec-dmesg.log"];
  CHECK(log.find("failed target=x") < log.find("saved target="));
}
