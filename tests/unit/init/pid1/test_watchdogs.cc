// Watchdogs from /sys of the machine that builds to the hardware of the one that captures.
#include <doctest/doctest.h>

#include <cerrno>

#include "builder/host/watchdogs.h"
#include "init/pid1/kernel_switches.h"
#include "init/pid1/watchdog_feeding.h"
#include "init/worker/watchdog_keeper.h"
#include "tests/fakes/fake_host.h"
#include "tests/fakes/fake_system.h"

using namespace mkcapture;
using namespace mkcapture::init;
using fakes::FakeHost;

namespace {

constexpr const char* kThreshold = "/proc/sys/kernel/watchdog_thresh";
constexpr const char* kSoftPanic = "/proc/sys/kernel/softlockup_panic";

void add_device(FakeSystem& system) {
  system.files["/sys/class/watchdog/watchdog0/identity"] = "i6300ESB timer\n";
}

struct Kept {
  Kept() : lease(*WatchdogLease::create()) {
    config.modules.push_back({"i6300esb", {}, "", "watchdog"});
    system.files["/lib/modules/i6300esb.ko"] = "ELF";
    config.watchdog.drivers = {"i6300esb"};
    system.on_module = [](FakeSystem& s, const std::string&) { add_device(s); };
  }
  int run() { return keep_watchdogs({system, config, *lease}); }
  FakeSystem system;
  CaptureConfig config;
  WatchdogLease::Owner lease;
};

}  // namespace

TEST_CASE("watchdogs of this machine: driver and what it stands on") {
  FakeHost host = fakes::virtual_machine();
  CHECK(find_watchdogs(host).empty());
  const std::string bridge = "/sys/devices/pci0000:00/0000:00:1f.0";
  host.bind_driver(bridge, "lpc_ich", "lpc_ich");
  host.bind_driver(bridge + "/iTCO_wdt.1.auto", "iTCO_wdt", "iTCO_wdt");
  host.files[bridge + "/iTCO_wdt.1.auto/watchdog/watchdog0/identity"] = "iTCO_wdt\n";
  host.links["/sys/class/watchdog/watchdog0"] = bridge + "/iTCO_wdt.1.auto/watchdog/watchdog0";
  const auto found = find_watchdogs(host);
  REQUIRE(found.size() == 1);
  CHECK(found[0].identity == "iTCO_wdt");
  REQUIRE(found[0].drivers.size() == 2);
  CHECK(found[0].drivers[0].module == "lpc_ich");
  CHECK(found[0].drivers[1].module == "iTCO_wdt");
}

TEST_CASE("watchdogs of this machine: the management controller's is of no class") {
  FakeHost host = fakes::virtual_machine();
  host.files["/sys/module/ipmi_watchdog/refcnt"] = "1\n";
  FakeHost both = host;
  both.files["/sys/class/watchdog/watchdog0/identity"] = "iTCO_wdt\n";
  REQUIRE(find_watchdogs(both).size() == 2);
  CHECK(find_watchdogs(both)[0].name == "watchdog");
  auto found = find_watchdogs(host);
  REQUIRE(found.size() == 1);
  REQUIRE(found[0].drivers.size() == 2);
  CHECK(found[0].drivers[0].module == "ipmi_si");
  CHECK(found[0].drivers[1].module == "ipmi_watchdog");
  // The way to it as it is here.
  const std::string bus = "/sys/devices/pci0000:00/0000:00:1f.4";
  const std::string controller = bus + "/i2c-0/0-0020";
  host.bind_driver(bus, "i801_smbus", "i2c_i801");
  host.bind_driver(controller, "ipmi_ssif", "ipmi_ssif");
  host.links["/sys/bus/i2c/drivers/ipmi_ssif/0-0020"] = controller;
  host.links["/sys/bus/i2c/drivers/ipmi_ssif/module"] = "/sys/module/ipmi_ssif";
  found = find_watchdogs(host);
  REQUIRE(found.size() == 1);
  REQUIRE(found[0].drivers.size() == 3);
  CHECK(found[0].drivers[0].module == "i2c_i801");
  CHECK(found[0].drivers[1].module == "ipmi_ssif");
  CHECK(found[0].drivers[2].module == "ipmi_watchdog");
}

TEST_CASE("watchdog: fed each second while the lease lasts, and not a moment longer") {
  Kept kept;
  kept.lease->feed_until(Milliseconds(5'000));
  kept.system.at(std::chrono::seconds(20), [&](FakeSystem&) { kept.lease->stop(); });
  CHECK(kept.run() == 0);
  CHECK(kept.system.loaded() == std::vector<std::string>{"i6300esb"});
  CHECK(kept.lease->found() == WatchdogLease::Found::kSome);
  REQUIRE(kept.system.feedings.size() == 1);
  const auto& times = kept.system.feedings.begin()->second;
  CHECK(times.size() == 5);
  CHECK(times.back() < Milliseconds(5'000));
  CHECK(kept.system.called("watchdog stop"));
  CHECK(kept.system.logged("watchdog watchdog0 (i6300ESB timer): fed until the deadline"));
  CHECK(kept.system.files["/proc/self/oom_score_adj"] == "-1000");
}

TEST_CASE("watchdog: one that cannot be opened, or is not there, is no reason to stay") {
  Kept kept;
  SUBCASE("refused") {
    kept.system.errors["watchdog open /dev/watchdog0"] = EBUSY;
    CHECK(kept.run() == 0);
    CHECK(kept.system.logged("watchdog watchdog0 (i6300ESB timer) cannot be fed"));
  }
  SUBCASE("its driver finds no device") {
    kept.system.on_module = {};
    CHECK(kept.run() == 0);
  }
  CHECK(kept.lease->found() == WatchdogLease::Found::kNone);
  CHECK(kept.system.now() <= kWatchdogPatience + kFeedEvery);
}

TEST_CASE("watchdog: a device that appears by and by is fed as well") {
  Kept kept;
  kept.system.on_module = [](FakeSystem& s, const std::string&) {
    s.at(std::chrono::seconds(6), [](FakeSystem& later) { later.files["/dev/watchdog"] = ""; });
  };
  kept.lease->feed_until(Milliseconds(60'000));
  kept.system.at(std::chrono::seconds(20), [&](FakeSystem&) { kept.lease->stop(); });
  CHECK(kept.run() == 0);
  CHECK(kept.system.called("watchdog open /dev/watchdog"));
  CHECK(kept.system.feedings.size() == 1);
}

TEST_CASE("watchdog: the node without a number is another one, or the first one's") {
  Kept kept;
  kept.system.files["/dev/watchdog"] = "";
  std::size_t fed = 2;
  SUBCASE("another driver's") {}
  SUBCASE("the first one's") {
    kept.system.errors["watchdog open /dev/watchdog"] = EBUSY;
    fed = 1;
  }
  kept.lease->feed_until(Milliseconds(5'000));
  kept.system.at(std::chrono::seconds(9), [&](FakeSystem&) { kept.lease->stop(); });
  CHECK(kept.run() == 0);
  CHECK(kept.system.feedings[40].size() == 5 * fed);  // one descriptor for all of them here
  CHECK_FALSE(kept.system.logged("cannot be fed"));
}

TEST_CASE("watchdog: a management controller's has its node before the others come") {
  Kept kept;
  kept.config.modules.push_back({"ipmi_watchdog", {}, "", "watchdog"});
  kept.system.files["/lib/modules/ipmi_watchdog.ko"] = "ELF";
  kept.config.watchdog.drivers = {"ipmi_watchdog", "i6300esb"};
  bool reached = true;
  SUBCASE("reached") {
    kept.system.files["/sys/module/ipmi_si/refcnt"] = "1\n";
  }
  SUBCASE("there is none") {
    reached = false;
  }
  Milliseconds second{0};
  kept.system.on_module = [&](FakeSystem& s, const std::string& module) {
    if (module.find("ipmi") == std::string::npos) {
      second = s.now();
      return add_device(s);
    }
    s.at(std::chrono::milliseconds(700),
         [](FakeSystem& later) { later.files["/dev/watchdog"] = ""; });
  };
  kept.system.at(std::chrono::seconds(9), [&](FakeSystem&) { kept.lease->stop(); });
  CHECK(kept.run() == 0);
  CHECK(second >= Milliseconds(reached ? 700 : 0));
  CHECK(second <= Milliseconds(reached ? 800 : 0));
}

TEST_CASE("PID 1: a lease of a few seconds, never beyond the deadline") {
  FakeSystem system;
  add_device(system);
  const CaptureConfig config;
  WatchdogFeeding feeding(system, config);
  WatchdogLease* lease = nullptr;
  feeding.start([&](const WatchdogContext& context) {
    lease = &context.lease;
    lease->set_found(WatchdogLease::Found::kSome);
    return 0;
  });
  REQUIRE(lease != nullptr);
  CHECK(lease->may_feed(system.now() + WatchdogFeeding::kAhead - Milliseconds(1)));
  const Deadline deadline(system, Milliseconds(25'000));
  system.sleep(Milliseconds(20'000));
  CHECK_FALSE(lease->may_feed(system.now()));
  feeding.alive(deadline);
  CHECK(lease->may_feed(Milliseconds(24'999)));
  CHECK_FALSE(lease->may_feed(Milliseconds(25'000)));
  feeding.stay();
  CHECK(lease->may_feed(std::chrono::hours(100)));
  CHECK_FALSE(system.called("write " + std::string(kSoftPanic)));
}

TEST_CASE("PID 1: a keeper that hangs delays the capture by three seconds at most") {
  FakeSystem system;
  add_device(system);
  system.workers.push_back({{}, std::nullopt, false});
  const CaptureConfig config;
  WatchdogFeeding(system, config).start([](const WatchdogContext&) { return 0; });
  CHECK(system.now() <= Milliseconds(3'020));
}

TEST_CASE("PID 1: without a watchdog the lockup detectors are the net, at their longest") {
  FakeSystem system;
  system.files[kThreshold] = "10\n";
  system.files[kSoftPanic] = "0\n";
  const CaptureConfig config;
  WatchdogFeeding(system, config).start([](const WatchdogContext&) { return 0; });
  CHECK_FALSE(system.called("fork"));
  CHECK(system.files[kThreshold] == "60");
  CHECK(system.files[kSoftPanic] == "1");
  CHECK(system.logged("lockup detectors end a CPU that spins, within 3min"));
  FakeSystem bare;
  CHECK_FALSE(arm_lockup_detectors(bare));
  CHECK_FALSE(bare.called("write"));
}

TEST_CASE("the kernel's own panics are off, those that it has") {
  FakeSystem system;
  for (const char* name : {"panic_on_oops", "hung_task_panic", "hung_task_timeout_secs",
                           "panic_on_warn", "panic_on_rcu_stall", "unknown_nmi_panic"})
    system.files[std::string("/proc/sys/kernel/") + name] = "1\n";
  system.files["/proc/sys/vm/panic_on_oom"] = "2\n";
  const auto before = system.files.size();
  keep_kernel_going(system);
  CHECK(system.files.size() == before);
  for (const auto& [path, value] : system.files)
    CHECK_MESSAGE(value == "0", path);
}
