#include <doctest/doctest.h>

#include "init/pid1/supervisor.h"
#include "tests/fakes/fake_system.h"

using namespace mkcapture;
using namespace mkcapture::init;

namespace {

struct Watch {
  Watch() : state(*WorkerState::create()) {}
  bool run(Milliseconds deadline = Milliseconds(1'000'000), const std::function<int()>& work = {}) {
    const TryEnd end =
        supervise(system, target, *state,
                  {Deadline(system, deadline), Milliseconds(10'000), Milliseconds(20'000)}, work);
    hung = end.hung;
    return end.saved;
  }
  [[nodiscard]] std::vector<std::string> verdicts() const {
    std::vector<std::string> found;
    for (const auto& line : system.lines) {
      if (line.starts_with("saved ") || line.starts_with("failed ") || line.starts_with("not yet "))
        found.push_back(line);
    }
    return found;
  }
  FakeSystem system;
  WorkerState::Owner state;
  bool hung = false;
  TargetSpec target = *parse_target("raw:/dev/vdb");
};

std::string failed(const std::string& step, const std::string& reason) {
  return "failed target=raw:/dev/vdb step=" + step + " reason=\"" + reason + "\"";
}

/// Of a try that may be made again.
std::string not_yet(const std::string& step, const std::string& reason) {
  return "not yet target=raw:/dev/vdb step=" + step + " reason=\"" + reason + "\"";
}

}  // namespace

TEST_CASE("supervisor: a worker's own verdict is the only one") {
  Watch w;
  SUBCASE("saved") {
    CHECK(w.run(Milliseconds(1000), [&] {
      w.state->give_verdict(w.system, true, "saved target=x");
      return 0;
    }));
    CHECK(w.verdicts() == std::vector<std::string>{"saved target=x"});
  }
  SUBCASE("failed") {
    CHECK_FALSE(w.run(Milliseconds(1000), [&] {
      w.state->give_verdict(w.system, false, "failed target=x");
      return 1;
    }));
    CHECK(w.verdicts() == std::vector<std::string>{"failed target=x"});
  }
  CHECK(w.system.called("kill 100"));  // what it may have left running
}

TEST_CASE("supervisor: a worker that dies has its verdict from here") {
  Watch w;
  int status = 0;
  std::string reason;
  SUBCASE("crash") {
    status = 128 + 11, reason = "the worker crashed with signal 11";
  }
  SUBCASE("memory") {
    status = 128 + 9, reason = "the worker was killed: an oops of its driver, or no memory";
  }
  SUBCASE("exit") {
    status = 3, reason = "the worker ended with status 3";
  }
  if (status == 0) return;
  w.system.workers.push_back({[&](FakeSystem&) { w.state->enter(Step::kMount); }, status});
  CHECK_FALSE(w.run());
  CHECK(w.verdicts() == std::vector<std::string>{failed("mount", reason)});
}

TEST_CASE("supervisor: a worker that is saved and then dies stays saved") {
  Watch w;
  w.system.workers.push_back(
      {[&](FakeSystem& s) { w.state->give_verdict(s, true, "saved target=x"); }, 128 + 11});
  CHECK(w.run());
  CHECK(w.verdicts().size() == 1);
}

TEST_CASE("verdict: one line wherever the worker is killed on its way to it") {
  /// A log that ends the worker: before its line is there, or right behind it.
  struct Killed {};
  struct Log : FakeSystem {
    bool before = false;
    bool armed = true;
    void log(std::string_view line) override {
      if (armed && before) throw Killed();
      FakeSystem::log(line);
      if (armed) throw Killed();
    }
  } system;
  auto created = WorkerState::create();
  const auto& state = *created;
  SUBCASE("before its line") {
    system.before = true;
  }
  SUBCASE("behind its line") {
    system.before = false;
  }
  CHECK_THROWS_AS(state->give_verdict(system, true, "saved target=x"), Killed);
  system.armed = false;
  state->finish_verdict(system);
  CHECK(state->saved());
  CHECK(system.lines == std::vector<std::string>{"saved target=x"});
  // One that was left behind and wakes up has nothing to say any more.
  state->give_verdict(system, false, "failed target=x");
  CHECK(system.lines.size() == 1);
}

TEST_CASE("supervisor: `wait` limits the time until the target is open") {
  Watch w;
  w.system.workers.push_back({[&](FakeSystem&) { w.state->enter(Step::kDevice); }, std::nullopt});
  CHECK_FALSE(w.run());
  CHECK(w.system.now() == Milliseconds(15'000));
  CHECK(w.verdicts() ==
        std::vector<std::string>{not_yet("device", "not ready after 10s, and hanging")});
  CHECK(w.state->kept_line() == failed("device", "not ready after 10s, and hanging"));
  CHECK(w.hung);
  CHECK(w.system.called("kill 100"));
  CHECK(w.system.logged("step device: nothing for 5 s"));
}

TEST_CASE("supervisor: `wait` begins when the drivers are loaded") {
  Watch w;
  SUBCASE("which takes a controller two minutes") {
    w.system.workers.push_back({[&](FakeSystem& s) {
                                  w.state->enter(Step::kDrivers);
                                  s.at(Milliseconds(120'000),
                                       [&](FakeSystem&) { w.state->enter(Step::kDevice); });
                                },
                                std::nullopt});
    CHECK_FALSE(w.run());
    CHECK(w.system.now() == Milliseconds(134'500));  // seen at the next look, half a second before
    CHECK(w.verdicts() ==
          std::vector<std::string>{not_yet("device", "not ready after 10s, and hanging")});
  }
  SUBCASE("one that never comes back has its own limit, from the last that was loaded") {
    w.system.workers.push_back({[&](FakeSystem& s) {
                                  w.state->enter(Step::kDrivers);
                                  s.at(Milliseconds(100'000),
                                       [&](FakeSystem&) { w.state->progress(); });
                                },
                                std::nullopt, false});
    CHECK_FALSE(w.run());
    CHECK(w.system.now() == Milliseconds(306'000));
    CHECK(w.verdicts() == std::vector<std::string>{
                              not_yet("drivers", "no driver loaded for 3min20s, and hanging")});
  }
}

TEST_CASE("supervisor: `stall` counts from the last progress") {
  Watch w;
  w.system.workers.push_back({[&](FakeSystem& s) {
                                w.state->set_ready();
                                w.state->enter(Step::kDump);
                                for (int second = 10; second <= 50; second += 10) {
                                  s.at(std::chrono::seconds(second),
                                       [&](FakeSystem&) { w.state->progress(); });
                                }
                              },
                              std::nullopt});
  CHECK_FALSE(w.run());
  CHECK(w.system.now() == Milliseconds(75'000));
  CHECK(w.verdicts() == std::vector<std::string>{not_yet("dump", "no progress for 20s")});
}

TEST_CASE("supervisor: the deadline ends also a worker that makes progress") {
  Watch w;
  w.system.workers.push_back({[&](FakeSystem& s) {
                                w.state->set_ready();
                                w.state->enter(Step::kDump);
                                for (int second = 1; second <= 60; ++second) {
                                  s.at(std::chrono::seconds(second),
                                       [&](FakeSystem&) { w.state->progress(); });
                                }
                              },
                              std::nullopt});
  CHECK_FALSE(w.run(Milliseconds(30'000)));
  CHECK(w.system.now() == Milliseconds(30'000));
  CHECK(w.verdicts() ==
        std::vector<std::string>{failed("dump", "the deadline of the capture has passed")});
}

TEST_CASE("supervisor: a default deadline ends no dump that moves, `stall` does") {
  Watch w;
  w.system.workers.push_back({[&](FakeSystem& s) {
                                w.state->set_ready();
                                for (int second = 1; second <= 60; ++second)
                                  s.at(std::chrono::seconds(second),
                                       [&](FakeSystem&) { w.state->progress(); });
                              },
                              std::nullopt});
  CHECK_FALSE(supervise(w.system, w.target, *w.state,
                        {Deadline(w.system, Milliseconds(30'000)), Milliseconds(10'000),
                         Milliseconds(20'000), true},
                        {})
                  .saved);
  CHECK(w.verdicts() == std::vector<std::string>{failed("start", "no progress for 20s")});
  CHECK(w.system.now() >= Milliseconds(85'000));
}

TEST_CASE("supervisor: a default deadline ends a worker whose target never opened") {
  Watch w;
  w.system.workers.push_back({{}, std::nullopt});
  CHECK_FALSE(supervise(w.system, w.target, *w.state,
                        {Deadline(w.system, Milliseconds(5'000)), Milliseconds(10'000),
                         Milliseconds(20'000), true},
                        {})
                  .saved);
  CHECK(w.system.now() == Milliseconds(5'000));
}

TEST_CASE("supervisor: a worker in uninterruptible sleep is left behind after a second") {
  Watch w;
  w.system.workers.push_back({{}, std::nullopt, false});
  CHECK_FALSE(w.run());
  CHECK(w.system.now() == Milliseconds(16'000));
  CHECK(w.verdicts().size() == 1);
  CHECK(w.system.logged("left behind"));
}

TEST_CASE("supervisor: no process, no dump, but a verdict") {
  Watch w;
  w.system.errors["fork"] = 12;
  CHECK_FALSE(w.run());
  CHECK(w.verdicts() == std::vector<std::string>{failed("start", "fork: Cannot allocate memory")});
}
