#include <doctest/doctest.h>

#include <cerrno>
#include <deque>

#include "init/contract/verdict.h"
#include "init/pid1/early_mounts.h"
#include "init/pid1/run_init.h"
#include "tests/fakes/fake_system.h"

using namespace mkcapture;
using namespace mkcapture::init;
using Lines = std::vector<std::string>;

namespace {

struct Boot {
  Boot() {
    system.files["/proc/vmcore"] = "ELF";
    system.files["/etc/capture.conf"] =
        "target=disk:LABEL=one:/x\ntarget=raw:/dev/two\ndeadline=100s\nwait=10s\nstall=20s\n";
    hooks.save = [this](const SaveContext& context) {
      tried.push_back(to_string(context.entry.spec));
      contexts.push_back({context.verdicts_before, context.passed_over, context.probes_hang});
      if (!outcomes.empty()) {
        const auto outcome = outcomes.front();
        outcomes.pop_front();
        outcome(context);
        return 1;
      }
      const bool saved = saves.count(tried.back()) != 0;
      context.state.give_verdict(context.system, saved,
                                 saved ? saved_line(context.entry.spec, 1, Milliseconds(1), "/p")
                                       : failed_line(context.entry.spec, Step::kMount, "no"));
      return saved ? 0 : 1;
    };
  }
  void run() { run_init(system, hooks); }
  FakeSystem system;
  InitHooks hooks;
  /// How the next tries end; by `saves` when there are no more.
  std::deque<std::function<void(const SaveContext&)>> outcomes;
  std::set<std::string> saves;
  Lines tried;
  struct Before {
    Lines verdicts, passed_over;
    bool probes_hang = false;
  };
  std::vector<Before> contexts;  // of each try
};

/// A try that may be made again, as save_to_target() ends it.
std::function<void(const SaveContext&)> not_yet(Step step, const std::string& device = "",
                                                bool other_path = false) {
  return [=](const SaveContext& context) {
    if (!device.empty()) context.state.uses_device(device, other_path);
    if (step >= Step::kDump) context.state.set_ready();
    context.state.enter(step);
    context.system.sleep(Milliseconds(3'000));
    context.state.give_up_for_now(context.system, failed_line(context.entry.spec, step, "later"));
  };
}

std::size_t count(const FakeSystem& system, std::string_view prefix) {
  std::size_t n = 0;
  for (const auto& line : system.lines)
    n += line.starts_with(prefix) ? 1 : 0;
  return n;
}

}  // namespace

TEST_CASE("early mounts: the table in order, what is mounted already is fine") {
  FakeSystem system;
  system.errors["mount /dev"] = EBUSY;
  CHECK(mount_early(system).ok());
  CHECK(early_mounts().size() == 3);
  CHECK(system.called("mount proc /proc proc "));
  CHECK(system.called("mount sysfs /sys sysfs "));
  CHECK(system.called("mount devtmpfs /dev devtmpfs "));
  CHECK(system.called("mkdir /run"));
  FakeSystem broken;
  broken.errors["mount /sys"] = ENODEV;
  CHECK_FALSE(mount_early(broken).ok());
  CHECK_FALSE(broken.called("mount devtmpfs"));
}

TEST_CASE("init: the first target that has the dump is the last one tried") {
  Boot boot;
  boot.saves = {"disk:LABEL=one:/x"};
  boot.run();
  CHECK(boot.tried == Lines{"disk:LABEL=one:/x"});
  CHECK(count(boot.system, "saved ") == 1);
  CHECK(boot.system.lines.back() == "done status=saved action=reboot");
  CHECK(boot.system.ended == std::vector<FinalAction>{FinalAction::kReboot});
}

TEST_CASE("init: the second target has its turn when the first one fails") {
  Boot boot;
  boot.saves = {"raw:/dev/two"};
  SUBCASE("with a reason of its own") {
    boot.run();
    CHECK(boot.tried == Lines{"disk:LABEL=one:/x", "raw:/dev/two"});
  }
  SUBCASE("hanging until its limit") {
    boot.system.workers.push_back({{}, std::nullopt, false});
    boot.run();
    CHECK(boot.tried == Lines{"raw:/dev/two"});
    CHECK(boot.system.now() == Milliseconds(16'000));
  }
  CHECK(count(boot.system, "failed target=disk:LABEL=one:/x ") == 1);
  CHECK(count(boot.system, "saved target=raw:/dev/two ") == 1);
  CHECK(boot.system.lines.back() == "done status=saved action=reboot");
}

TEST_CASE("init: all failed, each with a verdict, and the failure's own action") {
  Boot boot;
  boot.system.files["/etc/capture.conf"] += "final=halt\non_failure=poweroff\n";
  boot.run();
  CHECK(count(boot.system, "failed ") == 2);
  CHECK(boot.system.lines.back() == "done status=failed action=poweroff");
  CHECK(boot.system.ended == std::vector<FinalAction>{FinalAction::kPoweroff});
}

TEST_CASE("init: without /proc/vmcore nothing is touched") {
  Boot boot;
  boot.system.files.erase("/proc/vmcore");
  boot.run();
  CHECK(boot.tried.empty());
  CHECK_FALSE(boot.system.called("fork"));
  CHECK(boot.system.loaded().empty());
  CHECK(boot.system.logged("there is no /proc/vmcore"));
  CHECK(boot.system.lines.back() == "done status=failed action=reboot");
}

TEST_CASE("init: the command line overrides, its errors are told") {
  Boot boot;
  boot.system.files["/proc/cmdline"] =
      "quiet capture.target=raw:/dev/three capture.final=halt capture.frob=1\n";
  boot.saves = {"raw:/dev/three"};
  boot.run();
  CHECK(boot.tried == Lines{"raw:/dev/three"});
  CHECK(boot.system.logged("capture.frob ignored: unknown parameter"));
  CHECK(boot.system.lines.back() == "done status=saved action=halt");
}

TEST_CASE("init: a broken configuration ends in a reboot, not in silence") {
  Boot boot;
  boot.system.files["/etc/capture.conf"] = "frob=1\n";
  boot.run();
  CHECK(boot.system.logged("configuration: line 1: frob: unknown key"));
  CHECK(boot.system.logged("no target is configured"));
  CHECK(boot.system.lines.back() == "done status=failed action=reboot");
  SUBCASE("targets of the command line work also then") {
    Boot rescue;
    rescue.system.files.erase("/etc/capture.conf");
    rescue.system.files["/proc/cmdline"] = "capture.target=raw:/dev/three";
    rescue.saves = {"raw:/dev/three"};
    rescue.run();
    CHECK(rescue.system.lines.back() == "done status=saved action=reboot");
  }
}

TEST_CASE("init: one deadline over all targets") {
  Boot boot;
  boot.system.files["/etc/capture.conf"] =
      "target=raw:/dev/one\ntarget=raw:/dev/two\ndeadline=8s\nwait=10s\n";
  boot.system.workers.push_back({{}, std::nullopt});
  boot.run();
  CHECK(boot.tried.empty());
  CHECK(boot.system.now() == Milliseconds(8'000));
  CHECK(boot.system.logged("the deadline of the capture has passed"));
  CHECK(boot.system.logged("the deadline has passed: raw:/dev/two is not tried"));
  CHECK(boot.system.lines.back() == "done status=failed action=reboot");
}

TEST_CASE("init: the guard's limit lies behind the deadline") {
  Boot boot;
  std::vector<Milliseconds> limits;
  boot.hooks.limit = [&](Milliseconds limit) { limits.push_back(limit); };
  boot.run();
  REQUIRE(limits.size() == 1);
  CHECK(limits[0] > Milliseconds(100'000));
}

TEST_CASE("init: shells, before the dump and after a failure, only where allowed") {
  Boot boot;
  boot.system.files["/etc/capture.conf"] += "shell_allowed=1\non_failure=shell\n";
  boot.system.files["/proc/cmdline"] = "capture.shell";
  boot.system.on_spawn = [](const Lines&, const Lines&) { return Child{7}; };
  boot.run();
  std::size_t shells = 0;
  for (const auto& call : boot.system.calls)
    shells += call == "spawn /bin/busybox setsid cttyhack sh" ? 1 : 0;
  CHECK(shells == 2);
  CHECK(boot.system.logged("done status=failed action=shell"));
  CHECK(boot.system.ended == std::vector<FinalAction>{FinalAction::kReboot});

  Boot closed;
  closed.system.files["/proc/cmdline"] = "capture.shell";
  closed.run();
  CHECK_FALSE(closed.system.called("spawn"));
}

TEST_CASE("init: the kernel's panics are off before a driver is loaded, and watchdogs come first") {
  Boot boot;
  boot.system.files["/proc/sys/kernel/panic_on_oops"] = "1";
  boot.system.files["/sys/class/watchdog/watchdog0/identity"] = "x";
  std::vector<std::string> order;
  boot.hooks.keep_watchdogs = [&](const WatchdogContext& context) {
    order.push_back("watchdogs, oops " + boot.system.files["/proc/sys/kernel/panic_on_oops"]);
    context.lease.set_found(WatchdogLease::Found::kSome);
    return 0;
  };
  boot.hooks.save = [&](const SaveContext&) {
    order.push_back("save");
    return 1;
  };
  boot.run();
  CHECK(order == Lines{"watchdogs, oops 0", "save", "save"});
}

TEST_CASE("init: a watchdog stays armed through a reboot, and is stopped where none follows") {
  const auto took = [](const char* action) {
    Boot boot;
    boot.system.files["/sys/class/watchdog/watchdog0/identity"] = "x";
    boot.system.files["/proc/cmdline"] = std::string("capture.final=") + action;
    boot.hooks.keep_watchdogs = [](const WatchdogContext&) { return 0; };
    boot.system.workers.push_back({{}, std::nullopt, false});  // the one that feeds it
    boot.saves.insert("disk:LABEL=one:/x");
    boot.run();
    CHECK(boot.system.called(std::string("end ") + action));
    return boot.system.now();
  };
  // It is told, and waited for.
  CHECK(took("poweroff") == took("reboot") + Milliseconds(3'000));
  CHECK(took("halt") == took("reboot") + Milliseconds(3'000));
}

TEST_CASE("init: with a default deadline the worker's own has no end, and the guard moves along") {
  Boot boot;
  boot.system.files["/etc/capture.conf"] =
      "target=raw:/dev/one\ndeadline=20s\ndeadline_extends=1\n";
  std::vector<Milliseconds> limits;
  boot.hooks.limit = [&](Milliseconds limit) { limits.push_back(limit); };
  boot.hooks.save = [](const SaveContext& context) {
    CHECK(context.deadline.left() > std::chrono::hours(24));
    context.state.set_ready();
    return 1;
  };
  boot.run();
  REQUIRE(limits.size() > 1);
  CHECK(limits.back() > Milliseconds(60'000));
  SUBCASE("a deadline on the command line is somebody's wish") {
    Boot wish;
    wish.system.files["/etc/capture.conf"] = boot.system.files["/etc/capture.conf"];
    wish.system.files["/proc/cmdline"] = "capture.deadline=40s";
    wish.hooks.save = [](const SaveContext& context) {
      CHECK(context.deadline.left() <= std::chrono::seconds(40));
      return 1;
    };
    wish.run();
  }
}

TEST_CASE("init: capture.on_failure=") {
  Boot boot;
  boot.system.files["/proc/cmdline"] = "capture.on_failure=halt";
  boot.run();
  CHECK(boot.system.lines.back() == "done status=failed action=halt");
  Boot shell;
  shell.system.files["/proc/cmdline"] = "capture.on_failure=shell";
  shell.run();
  CHECK(shell.system.logged("capture.on_failure ignored: this image was built without a shell"));
  CHECK(shell.system.lines.back() == "done status=failed action=reboot");
}

TEST_CASE("init: capture.debug tells each step") {
  Boot boot;
  boot.hooks.save = [](const SaveContext& context) {
    context.state.enter(Step::kMount);
    return 1;
  };
  SUBCASE("on") {
    boot.system.files["/proc/cmdline"] = "capture.debug";
    boot.run();
    CHECK(count(boot.system, "step mount") == 2);
  }
  SUBCASE("off") {
    boot.run();
    CHECK(count(boot.system, "step mount") == 0);
  }
}

TEST_CASE("init: while there is time the targets are gone round again") {
  Boot boot;
  boot.saves = {"disk:LABEL=one:/x"};
  boot.outcomes = {not_yet(Step::kDevice), not_yet(Step::kDevice)};
  boot.run();
  CHECK(boot.tried == Lines{"disk:LABEL=one:/x", "raw:/dev/two", "disk:LABEL=one:/x"});
  CHECK(boot.system.logged("not yet target=disk:LABEL=one:/x step=device reason=\"later\""));
  CHECK(boot.system.logged("round 2: 2 targets are tried again, 1min30s left"));
  CHECK(boot.system.now() == Milliseconds(10'000));  // a round's least time
  // Exactly one verdict for each, whatever came before.
  CHECK(count(boot.system, "failed target=disk:LABEL=one:/x ") == 0);
  CHECK(count(boot.system, "saved target=disk:LABEL=one:/x ") == 1);
  CHECK(count(boot.system, "failed target=raw:/dev/two step=device reason=\"later\"") == 1);
  CHECK(boot.contexts[2].verdicts ==
        Lines{"failed target=raw:/dev/two step=device reason=\"later\""});
  CHECK(boot.system.lines.back() == "done status=saved action=reboot");
}

TEST_CASE("init: what is not worth another try has its verdict, the others go on until the end") {
  Boot boot;
  for (int i = 0; i < 12; ++i)
    boot.outcomes.push_back(not_yet(Step::kDevice));
  boot.outcomes[1] = [](const SaveContext& context) {
    context.state.give_verdict(context.system, false,
                               failed_line(context.entry.spec, Step::kDevice, "no"));
  };
  boot.run();
  CHECK(count(boot.system, "not yet target=disk:LABEL=one:/x ") == 9);
  CHECK(count(boot.system, "failed target=disk:LABEL=one:/x ") == 1);
  CHECK(count(boot.system, "failed target=raw:/dev/two ") == 1);
  CHECK(boot.system.now() < Milliseconds(100'000));
  CHECK(boot.system.lines.back() == "done status=failed action=reboot");
}

TEST_CASE("init: a path that fails is not taken again, and the next try is at once") {
  Boot boot;
  boot.saves = {"disk:LABEL=one:/x"};
  boot.outcomes = {not_yet(Step::kDump, "sda1", true)};
  boot.run();
  CHECK(boot.tried == Lines{"disk:LABEL=one:/x", "disk:LABEL=one:/x"});
  CHECK(boot.contexts[1].passed_over == Lines{"sda1"});
  CHECK(boot.system.now() == Milliseconds(3'000));
  CHECK(boot.system.logged("disk:LABEL=one:/x is tried again by another path than sda1"));
  CHECK(count(boot.system, "failed ") == 0);
  CHECK(count(boot.system, "saved ") == 1);
}

TEST_CASE("init: a target whose dump has begun three times is over") {
  Boot boot;
  boot.system.files["/etc/capture.conf"] = "target=raw:/dev/one\ndeadline=1h\n";
  for (int i = 0; i < 5; ++i)
    boot.outcomes.push_back(not_yet(Step::kDump, "sda1", false));
  boot.run();
  CHECK(boot.tried.size() == 3);
  CHECK(count(boot.system, "failed ") == 1);
}

TEST_CASE("init: after a worker that hangs no module waits for a probe") {
  Boot boot;
  boot.saves = {"raw:/dev/two"};
  boot.system.workers.push_back({{}, std::nullopt, false});
  boot.run();
  REQUIRE(boot.contexts.size() == 1);
  CHECK(boot.contexts[0].probes_hang);
  Boot first;
  first.saves = {"raw:/dev/two"};
  first.run();  // the first fails without a hang, but its disk may still be probed
  REQUIRE(first.contexts.size() == 2);
  CHECK_FALSE(first.contexts[0].probes_hang);
  CHECK(first.contexts[1].probes_hang);
}

TEST_CASE("init: an image for another kernel is named with both releases") {
  Boot boot;
  boot.system.files["/etc/capture.conf"] += "kernel=6.1.0-50-amd64\n";
  SUBCASE("another") {
    boot.system.files["/proc/sys/kernel/osrelease"] = "6.1.0-51-amd64\n";
    boot.run();
    CHECK(
        boot.system.logged("the image is for kernel 6.1.0-50-amd64, this is 6.1.0-51-amd64: its "
                           "modules cannot be loaded; build it again"));
  }
  SUBCASE("the same") {
    boot.system.files["/proc/sys/kernel/osrelease"] = "6.1.0-50-amd64\n";
    boot.run();
    CHECK_FALSE(boot.system.logged("the image is for"));
  }
}
