// What every kind of target must do, run by all of them: the whole way of a dump through the worker
// and the target's own code, against a place in memory.
#include <doctest/doctest.h>

#include <algorithm>
#include <csignal>
#include <cstring>

#include "init/worker/save.h"
#include "tests/fakes/fake_target.h"
#include "tests/fakes/target_places.h"

using namespace mkcapture;
using namespace mkcapture::init;

namespace {

const std::string kName = "node7-1970-01-01-00:00:42";
const std::string kPlainName = "node7-1970-01-01-00-00-42";  // for servers that know no colons
const std::string kDump(40'000, 'D');
const std::vector<Stage> kAll{Stage::kBegin, Stage::kCreate, Stage::kWrite, Stage::kFinish,
                              Stage::kCommit};

/// A worker with a target of that kind.
struct Worker {
  explicit Worker(TargetPlace& where) : place(where), state(*WorkerState::create()) {
    signal(SIGPIPE, SIG_IGN);  // as /init does
    config = *parse_config("target=" + place.spec() + "\nip=10.0.0.9::10.0.0.1:24::eth0:off\n");
    config.stall = Milliseconds(1000);
  }
  int save() {
    SaveParts parts;
    parts.open_vmcore = []() -> Result<std::unique_ptr<Vmcore>> {
      auto vmcore = std::make_unique<FakeVmcore>();
      vmcore->crashed = 42;
      return std::unique_ptr<Vmcore>(std::move(vmcore));
    };
    parts.make_target = [this](const TargetSpec& spec, const TargetContext& context) {
      return make_target(spec, place.context(context));
    };
    parts.forecast = [](Vmcore&, const DumpChoice&) -> Result<LevelReport> {
      return LevelReport();
    };
    parts.write_dump = [](Vmcore&, Output& output, const DumpOptions&,
                          DumpProgress&) -> Result<DumpReport> {
      TRY(output.write_at(0, std::as_bytes(std::span(kDump))));
      TRY(output.finish(kDump.size()));
      DumpReport report;
      report.bytes_written = kDump.size();
      return report;
    };
    parts.copy_kernel_log = [](Output& output) -> Status {
      TRY(output.write_at(0, std::as_bytes(std::span("log"))));
      return output.finish(3);
    };
    return save_to_target(
        {place.system(), config, config.targets[0], *state, Deadline(place.system(), limit)},
        parts);
  }
  [[nodiscard]] std::string verdict() {
    for (const auto& line : place.system().lines) {
      if (line.starts_with("saved ") || line.starts_with("failed ")) return line;
    }
    return "";
  }
  TargetPlace& place;
  CaptureConfig config;
  Milliseconds limit{9'000};  // too short for another try
  WorkerState::Owner state;
};

/// An open target without a worker.
struct Opened {
  explicit Opened(TargetPlace& place)
      : worker(place),
        modules(place.system(), worker.config),
        target(make_target(worker.config.targets[0].spec,
                           place.context({place.system(), worker.config, *worker.state, modules}))),
        deadline(place.system(), Milliseconds(60'000)) {
    const auto opened = target->open(deadline);
    CAPTURE((opened ? "" : opened.error().message));
    REQUIRE(opened);
  }
  Worker worker;
  ModuleLoader modules;
  std::unique_ptr<Target> target;
  Deadline deadline;
};

struct Expected {
  Stage stage;
  const char* step;
};
constexpr Expected kFailures[] = {{Stage::kBegin, "directory"},
                                  {Stage::kCreate, "dump"},
                                  {Stage::kWrite, "dump"},
                                  {Stage::kFinish, "dump"},
                                  {Stage::kCommit, "rename"}};
const std::pair<Fault, int> kFaults[] = {
    {Fault::kNoSpace, ENOSPC}, {Fault::kInputOutput, EIO}, {Fault::kDenied, EACCES}};

}  // namespace

TEST_CASE("targets: each is opened by name and has its dump written, synced and named, in order") {
  for (const PlaceKind& kind : all_places()) {
    CAPTURE(std::string(kind.name));
    const auto place = kind.make();
    Worker worker(*place);
    CHECK(worker.save() == 0);
    CHECK(worker.verdict().starts_with("saved target=" + place->spec() + " bytes=40000 "));
    if (place->has_directories()) {
      auto stages = place->stages(kName);
      // SFTP writes in messages of 32 KiB.
      stages.erase(std::unique(stages.begin(), stages.end()), stages.end());
      CHECK(stages == kAll);
      CHECK(place->files(kName) ==
            std::set<std::string>{"vmcore", "vmcore-dmesg.txt", "kexec-dmesg.log"});
      CHECK(worker.verdict().ends_with("/" + kName + "/vmcore"));
    } else {
      CHECK(place->stages(kName) ==
            std::vector<Stage>{Stage::kCreate, Stage::kWrite, Stage::kFinish});
    }
  }
}

TEST_CASE("targets: a name that is taken is never written to") {
  for (const PlaceKind& kind : all_places()) {
    const auto place = kind.make();
    if (!place->has_directories()) continue;
    CAPTURE(kind.name);
    place->put(kName, {"vmcore"});
    place->put(kName + "-1", {"vmcore.incomplete"});
    Worker worker(*place);
    CHECK(worker.save() == 0);
    CHECK(worker.verdict().ends_with("/" + kName + "-2/vmcore"));
    CHECK(place->files(kName) == std::set<std::string>{"vmcore"});
    CHECK(place->files(kName + "-1") == std::set<std::string>{"vmcore.incomplete"});
  }
}

TEST_CASE("targets: what fails has its step and reason, and nothing half done has a whole's name") {
  for (const PlaceKind& kind : all_places()) {
    for (const auto& [stage, step] : kFailures) {
      for (const auto& [fault, code] : kFaults) {
        const auto place = kind.make();
        const bool raw = !place->has_directories();
        if (raw && (stage == Stage::kBegin || stage == Stage::kCommit)) continue;
        CAPTURE(kind.name);
        CAPTURE(step);
        CAPTURE(static_cast<int>(stage));
        CAPTURE(std::strerror(code));
        place->break_at(stage, fault, kName);
        if (stage == Stage::kBegin) place->break_at(stage, fault, kPlainName);
        Worker worker(*place);
        CHECK(worker.save() == 1);
        const std::string verdict = worker.verdict();
        CAPTURE(verdict);
        // A raw device is opened with the target.
        const std::string expected = raw && stage == Stage::kCreate ? "device" : step;
        CHECK(verdict.starts_with("failed target=" + place->spec() + " step=" + expected +
                                  " reason=\""));
        // SFTP has one code for all that it has no code for; the words are the server's.
        const bool told = verdict.find(std::strerror(code)) != std::string::npos;
        CHECK((told || (std::string(kind.name) == "ssh with SFTP" &&
                        verdict.find("Failure") != std::string::npos)));
        if (raw) continue;
        const auto names = place->files(kName);
        CHECK(names.count("vmcore") == 0);
        if (stage > Stage::kCreate) CHECK(names.count("vmcore.incomplete") == 1);
        const auto reached = place->stages(kName);
        if (stage < Stage::kCommit)
          CHECK(std::count(reached.begin(), reached.end(), Stage::kCommit) == 0);
      }
    }
  }
}

TEST_CASE("targets: a place that falls silent ends in a verdict") {
  for (const PlaceKind& kind : all_places()) {
    for (const Stage stage : {Stage::kBegin, Stage::kFinish}) {
      const auto place = kind.make();
      if (!place->has_directories() && stage == Stage::kBegin) continue;
      CAPTURE(kind.name);
      CAPTURE(static_cast<int>(stage));
      place->break_at(stage, Fault::kSilence, kName);
      place->system().real_time = true;
      Worker worker(*place);
      worker.limit = Milliseconds(3000);  // what ends a sync that takes too long
      CHECK(worker.save() == 1);
      const std::string verdict = worker.verdict();
      CAPTURE(verdict);
      CHECK(verdict.find(stage == Stage::kBegin ? " step=directory " : " step=dump ") !=
            std::string::npos);
      const bool told = verdict.find("timed out") != std::string::npos ||
                        verdict.find("has not answered for 1s") != std::string::npos ||
                        verdict.find("does not answer") != std::string::npos ||
                        verdict.find("does not confirm") != std::string::npos;
      CHECK(told);
      CHECK(place->files(kName).count("vmcore") == 0);
    }
  }
}

TEST_CASE("targets: dumps are listed by prefix, and removed without what else is there") {
  for (const PlaceKind& kind : all_places()) {
    const auto place = kind.make();
    CAPTURE(kind.name);
    place->put("node7-a", {"vmcore", "vmcore-dmesg.txt"});
    place->put("node7-b", {"vmcore.incomplete", "notes"});
    place->put("node8-a", {"vmcore"});
    {
      Opened opened(*place);
      DumpStore& store = opened.target->store();
      CHECK(store.has_directories() == place->has_directories());
      if (place->has_directories()) {
        REQUIRE(store.begin(kName, opened.deadline));
        auto found = store.list("node7-", opened.deadline);
        REQUIRE(found);
        for (auto& dump : *found)
          std::sort(dump.files.begin(), dump.files.end());
        std::sort(found->begin(), found->end(),
                  [](const auto& a, const auto& b) { return a.name < b.name; });
        CHECK(*found == std::vector<StoredDump>{{kName, {}},
                                                {"node7-a", {"vmcore", "vmcore-dmesg.txt"}},
                                                {"node7-b", {"notes", "vmcore.incomplete"}}});
        CHECK(store.remove((*found)[1], opened.deadline));
        CHECK_FALSE(store.remove({"node7-b", {"vmcore.incomplete"}}, opened.deadline));
        const auto left = store.list("node7-", opened.deadline);
        REQUIRE(left);
        CHECK(left->size() == 2);
      }
      CHECK(opened.target->close(opened.deadline));
    }
    if (!place->has_directories()) continue;
    CHECK(place->files("node7-a").empty());
    CHECK(place->files("node7-b") == std::set<std::string>{"notes"});
    CHECK(place->files("node8-a") == std::set<std::string>{"vmcore"});
  }
}

TEST_CASE("targets: with keep the oldest of this host go, once the new dump is whole") {
  const std::string old = "node7-1969-12-31-23:00:0";
  for (const PlaceKind& kind : all_places()) {
    for (const bool whole : {true, false}) {
      const auto place = kind.make();
      if (!place->has_directories()) continue;
      CAPTURE(kind.name);
      CAPTURE(whole);
      place->put(old + "1", {"vmcore", "vmcore-dmesg.txt", "kexec-dmesg.log"});
      place->put(old + "2", {"vmcore.incomplete", "kexec-dmesg.log"});
      place->put(old + "3", {"vmcore", "notes"});
      place->put(old + "4", {"vmcore"});
      place->put("node8-1969-12-31-23:00:00", {"vmcore"});
      if (!whole) place->break_at(Stage::kFinish, Fault::kInputOutput, kName);
      Worker worker(*place);
      worker.config.keep = 2;
      CHECK(worker.save() == (whole ? 0 : 1));
      CHECK(place->files(kName).count("vmcore") == (whole ? 1 : 0));
      CHECK(place->files(old + "1").empty() == whole);
      CHECK(place->files(old + "2").empty() == whole);
      CHECK(place->files(old + "3").size() == 2);
      CHECK(place->files(old + "4").size() == 1);
      CHECK(place->files("node8-1969-12-31-23:00:00").size() == 1);
    }
  }
}

TEST_CASE("targets: free space is told, and without directories there is nothing to name") {
  for (const PlaceKind& kind : all_places()) {
    const auto place = kind.make();
    CAPTURE(kind.name);
    place->system().free_space = Space{5'000'000, 9'000'000};
    Opened opened(*place);
    DumpStore& store = opened.target->store();
    const auto space = store.free(opened.deadline);
    REQUIRE(space);
    CHECK(space->free > 0);
    CHECK(space->total >= space->free);
    if (!place->has_directories()) {
      CHECK_FALSE(store.begin(kName, opened.deadline));
      CHECK_FALSE(store.commit("a", "b", opened.deadline));
      CHECK(store.create("vmcore", opened.deadline));
      CHECK_FALSE(store.create("another", opened.deadline));
    }
    CHECK(opened.target->close(opened.deadline));
  }
}
