// mkcapture check: each kind of target goes the whole way of a dump, and nothing is left of it.
#include <doctest/doctest.h>

#include <algorithm>
#include <csignal>

#include "init/check/check_target.h"
#include "tests/fakes/target_places.h"

using namespace mkcapture;
using namespace mkcapture::init;

namespace {

const std::string kName = check_directory("node7");

struct Checked {
  explicit Checked(TargetPlace& place, std::string host = "node7") : state(*WorkerState::create()) {
    signal(SIGPIPE, SIG_IGN);
    config = *parse_config("target=" + place.spec() + "\n");
    config.stall = Milliseconds(1000);
    end = check_target({place.system(), config, config.targets[0], *state, std::move(host),
                        Deadline(place.system(), Milliseconds(9000)),
                        [&place](const TargetSpec& spec, const TargetContext& context) {
                          auto with_place = place.context(context);
                          with_place.network_is_up = context.network_is_up;
                          return make_target(spec, with_place);
                        }});
  }
  CaptureConfig config;
  WorkerState::Owner state;
  CheckEnd end;
};

}  // namespace

TEST_CASE("check: each kind of target is written to, synced, renamed in, and left as it was") {
  for (const PlaceKind& kind : all_places()) {
    CAPTURE(std::string(kind.name));
    const auto place = kind.make();
    place->put("other-host-2026-01-01-00:00:00", {"vmcore"});
    place->put(check_directory("node7.example.org"), {"vmcore"});
    Checked check(*place);
    CAPTURE((check.end.status ? "" : check.end.status.error().message));
    CHECK(check.end.status);
    auto stages = place->stages(kName);
    if (!place->has_directories()) {
      CHECK(stages == std::vector<Stage>{Stage::kCreate});  // held; the last dump is there
      continue;
    }
    stages.erase(std::unique(stages.begin(), stages.end()), stages.end());
    CHECK(stages == std::vector<Stage>{Stage::kBegin, Stage::kCreate, Stage::kWrite, Stage::kFinish,
                                       Stage::kCommit});
    CHECK(place->files(kName).empty());
    CHECK(place->files("other-host-2026-01-01-00:00:00") == std::set<std::string>{"vmcore"});
    CHECK(place->files(check_directory("node7.example.org")) == std::set<std::string>{"vmcore"});
  }
}

TEST_CASE("check: what an earlier one left, which was killed, goes with it") {
  for (const PlaceKind& kind : all_places()) {
    const auto place = kind.make();
    if (!place->has_directories()) continue;
    CAPTURE(kind.name);
    place->put(kName, {"vmcore.incomplete"});
    place->put(kName + "-1", {});
    CHECK(Checked(*place).end.status);
    for (const char* suffix : {"", "-1", "-2"})
      CHECK(place->files(kName + suffix).empty());
  }
}

TEST_CASE("check: what fails has its step, and nothing is left of it either") {
  constexpr std::pair<Stage, Step> kFailures[] = {{Stage::kBegin, Step::kDirectory},
                                                  {Stage::kCreate, Step::kDump},
                                                  {Stage::kWrite, Step::kDump},
                                                  {Stage::kFinish, Step::kSync},
                                                  {Stage::kCommit, Step::kRename}};
  for (const PlaceKind& kind : all_places()) {
    for (const auto& [stage, step] : kFailures) {
      for (const Fault fault : {Fault::kNoSpace, Fault::kInputOutput, Fault::kDenied}) {
        const auto place = kind.make();
        if (!place->has_directories()) continue;
        CAPTURE(kind.name);
        CAPTURE(static_cast<int>(stage));
        CAPTURE(static_cast<int>(fault));
        place->break_at(stage, fault, kName);
        Checked check(*place);
        REQUIRE_FALSE(check.end.status);
        CAPTURE(check.end.status.error().message);
        // Where writes are gathered, the error comes with the sync.
        const bool late = stage == Stage::kWrite && check.state->step() == Step::kSync;
        CHECK((check.state->step() == step || late));
        CHECK(place->files(kName).empty());
      }
    }
  }
}
