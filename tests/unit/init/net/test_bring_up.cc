#include <doctest/doctest.h>

#include <algorithm>
#include <cerrno>

#include "init/net/bring_up.h"
#include "init/net/dhcp.h"
#include "init/net/interfaces.h"
#include "init/net/resolve.h"
#include "tests/fakes/described_links.h"

using namespace mkcapture;
using namespace mkcapture::init;
using std::chrono::seconds;

namespace {

IpAddress ip(std::string_view text) {
  return *parse_ip_address(text);
}

using Machine = NetMachine;

constexpr const char* kLease =
    "ip=10.0.2.15\nmask=24\nrouter=10.0.2.2\ndns=10.0.2.3\ndomain=lab\nlease=86400\n";

}  // namespace

TEST_CASE("network: without ip=, DHCP on the first interface with a link") {
  Machine m;
  m.links.add("eth0", "52:54:00:00:00:01");
  m.links.add("eth1", "52:54:00:00:00:02");
  m.links.dead = {"eth0"};
  m.system.servers["eth1"] = {Milliseconds(100), kLease};
  const auto state = m.bring_up();
  REQUIRE(state);
  CHECK(state->local == ip("10.0.2.15"));
  CHECK(m.links.did("up lo"));
  CHECK(m.links.did("address eth1 10.0.2.15/24"));
  CHECK(m.links.did("route 0.0.0.0/0 via 10.0.2.2 on eth1"));
  CHECK(m.system.files["/etc/resolv.conf"] ==
        "nameserver 10.0.2.3\nsearch lab\noptions timeout:3 attempts:3\n");
  CHECK(m.system.running.empty());  // a day's lease needs no renewal
  CHECK_FALSE(m.system.called("spawn /bin/udhcpc -f -i eth0"));
  CHECK(m.system.now() < seconds(1));
  CHECK(m.steps.steps == std::vector{Step::kLink, Step::kAddress});
}

TEST_CASE("network: several interfaces with a link are asked side by side") {
  Machine m;
  m.links.add("eth0", "52:54:00:00:00:01");
  m.links.add("eth1", "52:54:00:00:00:02");
  m.system.servers["eth1"] = {Milliseconds(100), kLease};  // nobody answers on eth0
  REQUIRE(m.bring_up());
  CHECK(m.links.did("address eth1 10.0.2.15/24"));
  CHECK(m.system.now() < seconds(1));
  CHECK(m.system.running.empty());
}

TEST_CASE("network: a lease shorter than the capture keeps its client") {
  Machine m;
  m.links.add("eth0", "52:54:00:00:00:01");
  m.system.servers["eth0"] = {Milliseconds(10), "ip=10.0.2.15\nmask=24\nlease=40\n"};
  REQUIRE(m.bring_up(seconds(30)));
  CHECK(m.system.running.size() == 1);
}

TEST_CASE("network: a later target uses what is there") {
  Machine m;
  m.links.add("eth0", "52:54:00:00:00:01");
  m.system.servers["eth0"] = {Milliseconds(10), kLease};
  REQUIRE(m.bring_up());
  m.system.calls.clear();
  REQUIRE(m.bring_up());
  CHECK_FALSE(m.system.called("spawn"));
}

TEST_CASE("network: time-outs say what was seen and what is missing") {
  Machine m;
  SUBCASE("nothing at all") {
    const auto state = m.bring_up(seconds(8));
    REQUIRE_FALSE(state);
    CHECK(state.error().message == "no network interface (seen: none) after 8s");
  }
  SUBCASE("no cable") {
    m.links.add("eth0", "52:54:00:00:00:01");
    m.links.dead = {"eth0"};
    CHECK(m.bring_up(seconds(30)).error().message ==
          "no link on eth0 (52:54:00:00:00:01) after 30s");
  }
  SUBCASE("no answer") {
    m.links.add("eth0", "52:54:00:00:00:01");
    CHECK(m.bring_up(seconds(30)).error().message ==
          "no DHCP answer on eth0 (52:54:00:00:00:01) after 30s");
    CHECK(m.system.running.empty());
  }
  SUBCASE("another card") {
    m.links.add("eth0", "52:54:00:00:00:01");
    m.ask("52-54-00-aa-bb-cc:dhcp");
    CHECK(m.bring_up(seconds(5)).error().message ==
          "no interface 52:54:00:aa:bb:cc (seen: eth0 (52:54:00:00:00:01) down) after 5s");
  }
  CHECK(m.system.now() <= seconds(31));
}

TEST_CASE("network: static, by MAC, with a gateway outside of the subnet") {
  Machine m;
  m.links.add("eth0", "52:54:00:00:00:01");
  m.links.add("eth1", "52:54:00:aa:bb:cc");
  m.ask("10.0.9.5::10.0.0.1:255.255.255.255::52-54-00-aa-bb-cc:off");
  REQUIRE(m.bring_up());
  CHECK(m.links.did("address eth1 10.0.9.5/32"));
  CHECK(m.links.did("route 10.0.0.1/32 via 0.0.0.0 on eth1"));
  CHECK(m.links.did("route 0.0.0.0/0 via 10.0.0.1 on eth1"));
  CHECK_FALSE(m.links.did("up eth0"));
}

TEST_CASE("network: IPv6 by router advertisement waits for detection to end") {
  Machine m;
  m.links.add("eth0", "52:54:00:00:00:01");
  m.system.files["/proc/sys/net/ipv6/conf/eth0/accept_ra"] = "1";
  m.ask("eth0:auto6");
  m.links.assigned.push_back({.index = 2, .address = ip("fe80::1"), .prefix = 64});
  m.links.assigned.push_back(
      {.index = 2, .address = ip("fd00::5"), .prefix = 64, .tentative = true, .global = true});
  m.system.at(seconds(2), [&m](FakeSystem&) { m.links.assigned[1].tentative = false; });
  const auto state = m.bring_up();
  REQUIRE(state);
  CHECK(state->local == ip("fd00::5"));
  CHECK(m.system.now() >= seconds(2));
  CHECK(m.system.files["/proc/sys/net/ipv6/conf/eth0/accept_ra"] == "2");
}

TEST_CASE("network: one address is enough, the others get ten seconds") {
  Machine m;
  m.links.add("eth0", "52:54:00:00:00:01");
  m.links.add("eth1", "52:54:00:00:00:02");
  m.links.dead = {"eth1"};
  m.ask("10.0.0.5::10.0.0.1:255.255.255.0::eth0:off");
  m.ask("eth1:dhcp");
  REQUIRE(m.bring_up(seconds(60)));
  CHECK(m.system.now() >= seconds(10));
  CHECK(m.system.now() < seconds(11));
  CHECK(m.system.logged("no link on eth1"));
}

TEST_CASE("network: a bond of cards by MAC replaces the driver's own bond0") {
  Machine m;
  m.links.add("eth0", "52:54:00:00:00:01").up = true;
  m.links.add("eth1", "52:54:00:00:00:02");
  m.links.add("bond0", "").kind = "bond";
  m.config.bond.push_back(*parse_bond(
      "bond0:52-54-00-00-00-01,52-54-00-00-00-02:mode=active-backup,miimon=100,primary=eth1"));
  m.system.servers["bond0"] = {Milliseconds(10), kLease};
  m.ask("bond0:dhcp");
  REQUIRE(m.bring_up());
  const std::vector<std::string> expected{"up lo",
                                          "remove bond0",
                                          "bond bond0 mode 1",
                                          "down eth0",
                                          "enslave eth0 bond0",
                                          "enslave eth1 bond0",
                                          "primary bond0 eth1",
                                          "up bond0"};
  REQUIRE(m.links.calls.size() > expected.size());
  CHECK(std::vector(m.links.calls.begin(), m.links.calls.begin() + 8) == expected);
  CHECK(m.links.did("address bond0 10.0.2.15/24"));
}

TEST_CASE("network: a bond goes on with the slaves that are there") {
  Machine m;
  m.links.add("eth0", "52:54:00:00:00:01");
  m.config.bond.push_back(*parse_bond("bond1:eth0,eth7:mode=802.3ad"));
  m.system.servers["bond1"] = {Milliseconds(10), kLease};
  REQUIRE(m.bring_up());
  CHECK(m.links.did("enslave eth0 bond1"));
  CHECK(m.system.now() >= seconds(5));
  CHECK(m.system.now() < seconds(6));
}

TEST_CASE("network: a VLAN carries the address, not its parent") {
  Machine m;
  m.links.add("eth0", "52:54:00:00:00:01");
  m.config.vlan.push_back(*parse_vlan("vlan5:eth0"));
  m.system.servers["vlan5"] = {Milliseconds(10), kLease};
  m.system.servers["eth0"] = {Milliseconds(10), kLease};
  REQUIRE(m.bring_up());
  CHECK(m.links.did("vlan vlan5 5 on eth0"));
  CHECK(m.links.did("address vlan5 10.0.2.15/24"));
  CHECK_FALSE(m.system.called("spawn /bin/udhcpc -f -i eth0"));
}

TEST_CASE("network: what the kernel refuses is told") {
  Machine m;
  m.links.add("eth0", "52:54:00:00:00:01");
  m.links.refuse = "up eth0";
  m.ask("eth0:dhcp");
  const auto state = m.bring_up();
  REQUIRE_FALSE(state);
  CHECK(state.error().message.starts_with("set eth0 (52:54:00:00:00:01) up"));
}

TEST_CASE("names: numeric addresses need no server") {
  FakeSystem system;
  const Deadline deadline(system, seconds(1));
  CHECK((*resolve(system, "10.0.2.2", deadline))[0] == ip("10.0.2.2"));
  CHECK((*resolve(system, "fd00::1", deadline))[0] == ip("fd00::1"));
}

TEST_CASE("network: a bond of VLANs, and a VLAN in a VLAN, from the lowest up") {
  Machine m;
  m.links.add("eth0", "52:54:00:00:00:01");
  m.links.add("eth1", "52:54:00:00:00:02");
  m.config.bond.push_back(*parse_bond("agg:a.5,b.5:mode=active-backup"));
  m.config.vlan.push_back(*parse_vlan("in.7:out.100"));
  m.config.vlan.push_back(*parse_vlan("out.100:agg:802.1ad"));
  m.config.vlan.push_back(*parse_vlan("a.5:52-54-00-00-00-01"));
  m.config.vlan.push_back(*parse_vlan("b.5:52-54-00-00-00-02"));
  m.ask("10.0.0.5::10.0.0.1:24::in.7:off");
  REQUIRE(m.bring_up());
  std::vector<std::string> made;
  for (const auto& call : m.links.calls)
    if (call.starts_with("vlan ") || call.starts_with("bond ")) made.push_back(call);
  CHECK(made == std::vector<std::string>{"vlan a.5 5 on eth0", "vlan b.5 5 on eth1",
                                         "bond agg mode 1", "vlan out.100 100 on agg",
                                         "vlan in.7 7 on out.100"});
  CHECK(m.links.did("enslave a.5 agg"));
  CHECK(m.links.did("address in.7 10.0.0.5/24"));

  Machine circle;
  circle.config.vlan.push_back(*parse_vlan("a.5:b.6"));
  circle.config.vlan.push_back(*parse_vlan("b.6:a.5"));
  CHECK_FALSE(circle.bring_up());
}

TEST_CASE("network: each interface has a default route of its own, and targets theirs") {
  Machine m;
  m.links.add("eth0", "52:54:00:00:00:01");
  m.links.add("eth1", "52:54:00:00:00:02");
  m.ask("10.1.0.5::10.1.0.1:24::52-54-00-00-00-01:off");
  m.ask("10.2.0.5::10.2.0.1:24::52-54-00-00-00-02:off");
  m.config.route.push_back(*parse_route("192.0.2.9/32:10.2.0.254:52-54-00-00-00-02"));
  m.config.route.push_back(*parse_route("10.8.0.1/32::52-54-00-00-00-02"));
  m.config.route.push_back(*parse_route("192.0.2.7/32:10.9.0.1:52-54-00-00-00-01"));  // /32 cloud
  REQUIRE(m.bring_up());
  CHECK(m.links.did("route 0.0.0.0/0 via 10.1.0.1 on eth0"));
  CHECK(m.links.did("route 0.0.0.0/0 via 10.2.0.1 on eth1 metric 1025"));
  CHECK(m.links.did("route 192.0.2.9/32 via 10.2.0.254 on eth1"));
  CHECK(m.links.did("route 10.8.0.1/32 via 0.0.0.0 on eth1"));
  CHECK(m.links.did("route 10.9.0.1/32 via 0.0.0.0 on eth0"));
  CHECK(m.links.did("route 192.0.2.7/32 via 10.9.0.1 on eth0"));
}

TEST_CASE("network: the MTU that was asked for, also below a VLAN") {
  Machine m;
  m.links.add("eth0", "52:54:00:00:00:01");
  m.config.vlan.push_back(*parse_vlan("a.5:eth0"));
  m.ask("10.0.0.5::10.0.0.1:24::a.5:off:9000");
  REQUIRE(m.bring_up());
  const auto eth0 = std::ranges::find(m.links.calls, "mtu eth0 9000");
  const auto vlan = std::ranges::find(m.links.calls, "mtu a.5 9000");
  REQUIRE(vlan != m.links.calls.end());
  CHECK(eth0 < vlan);

  Machine small;
  small.links.add("eth0", "52:54:00:00:00:01");
  small.config.vlan.push_back(*parse_vlan("a.5:eth0"));
  small.ask("10.0.0.5::10.0.0.1:24::a.5:off:1400");
  REQUIRE(small.bring_up());
  CHECK(small.links.did("mtu a.5 1400"));
  CHECK_FALSE(small.links.did("mtu eth0 1400"));
}

TEST_CASE("network: a lease is renewed for as long as the capture may last, not the wait") {
  Machine m;
  m.links.add("eth0", "52:54:00:00:00:01");
  m.config.deadline = seconds(1800);
  m.system.servers["eth0"] = {seconds(1), "ip=10.0.0.5\nmask=24\nlease=600\n"};
  REQUIRE(m.bring_up(seconds(30)));  // half a lease is more than the wait
  CHECK(m.system.running.size() == 1);

  Machine long_lease;
  long_lease.links.add("eth0", "52:54:00:00:00:01");
  long_lease.config.deadline = seconds(1800);
  long_lease.system.servers["eth0"] = {seconds(1), "ip=10.0.0.5\nmask=24\nlease=86400\n"};
  REQUIRE(long_lease.bring_up(seconds(30)));
  CHECK(long_lease.system.running.empty());
}

TEST_CASE("network: a card that shows late gets its module") {
  Machine m;
  TargetEntry target;
  target.spec = *parse_target("nfs://10.0.0.9/e");
  target.autoload = Autoload::kNet;
  m.config.targets.push_back(target);
  m.config.modules.push_back({"usbnet_late", {}, "", "net"});
  m.system.files["/lib/modules/usbnet_late.ko"] = "ELF";
  m.system.files["/etc/modules.alias"] = "usb:v1234* usbnet_late\n";
  m.system.add_uevent(seconds(10), {"add", "/devices/usb1", {{"MODALIAS", "usb:v1234p5"}}});
  m.system.at(seconds(11), [&m](FakeSystem&) { m.links.add("eth0", "52:54:00:00:00:01"); });
  m.ask("10.0.0.5::10.0.0.1:24::eth0:off");
  REQUIRE(m.bring_up());
  CHECK(std::ranges::any_of(m.system.calls, [](const std::string& call) {
    return call.find("usbnet_late") != std::string::npos;
  }));
}
