// What of this machine's network goes into the image: for each target the kernel's own way.
#include <doctest/doctest.h>

#include "builder/plan/network.h"
#include "tests/fakes/fake_host.h"

using namespace mkcapture;
using fakes::FakeHost;

namespace {

/// Two cards: eno1 (02:...:01) with 10.1.0.5/24 and eno2 (02:...:02) with 10.2.0.5/24, both set for
/// good; the default route by 10.1.0.1.
FakeHost two_networks() {
  FakeHost host;
  for (const char* digit : {"1", "2"}) {
    const std::string device = std::string("/sys/devices/pci0000:00/0000:00:0") + digit + ".0";
    const std::string name = std::string("eno") + digit;
    host.bind_driver(device, "igb", "igb");
    host.add_card(device, name, std::string("02:00:00:00:00:0") + digit);
    const std::string net = std::string("10.") + digit + ".0.";
    host.interface_addresses[name] = {{net + "5", 24, true}};
    host.routes[net] = {name, net + "5", ""};
  }
  host.routes[""] = {"eno1", "10.1.0.5", "10.1.0.1"};
  return host;
}

Plan planned(FakeHost& host, const std::vector<std::string>& targets, const Request& request = {}) {
  Plan plan;
  plan.this_machine = true;
  for (const auto& text : targets) {
    auto spec = parse_target(text);
    REQUIRE(spec);
    TargetPlan target;
    target.spec = *spec;
    target.server = needs(*spec).server;
    const auto addresses = host.resolve(target.server->host);
    if (addresses) target.address = addresses->front();
    plan.targets.push_back(target);
  }
  const auto done = plan_network(request, host, plan);
  CHECK(done);
  return plan;
}

/// The lines that the image gets.
std::string lines(const Plan& plan) {
  std::string text;
  for (const auto& bond : plan.network.bond)
    text += "bond=" + to_string(bond) + "\n";
  for (const auto& vlan : plan.network.vlan)
    text += "vlan=" + to_string(vlan) + "\n";
  for (const auto& ip : plan.network.ip)
    text += "ip=" + to_string(ip) + "\n";
  for (const auto& route : plan.network.route)
    text += "route=" + to_string(route) + "\n";
  return text;
}

}  // namespace

TEST_CASE("plan network: targets behind two gateways, by two cards") {
  FakeHost host = two_networks();
  host.routes["192.0.2."] = {"eno2", "10.2.0.5", "10.2.0.254"};
  const Plan plan = planned(host, {"nfs://198.51.100.7/e", "nfs://192.0.2.9/e"});
  CHECK(lines(plan) ==
        "ip=10.1.0.5::10.1.0.1:24::02-00-00-00-00-01:off\n"
        "ip=10.2.0.5:::24::02-00-00-00-00-02:off\n"
        "route=192.0.2.9/32:10.2.0.254:02-00-00-00-00-02\n");
  CHECK(plan.targets[0].where == "through eno1, gateway 10.1.0.1, from 10.1.0.5");
  CHECK(plan.targets[1].where == "through eno2, gateway 10.2.0.254, from 10.2.0.5");
  CHECK(plan.network.nics.size() == 2);
  CHECK(plan.warnings.empty());
}

TEST_CASE("plan network: a disk at the other end has a way as a server has") {
  FakeHost host = two_networks();
  Plan plan;
  plan.this_machine = true;
  TargetPlan target;
  target.spec = *parse_target("disk:UUID=1-2:/crash");
  target.here = true;
  target.where = "nvme0n1";
  target.server = ServerName{"10.2.0.9", 0};
  target.address = "10.2.0.9";
  plan.targets.push_back(target);
  REQUIRE(plan_network({}, host, plan));
  CHECK(lines(plan) == "ip=10.2.0.5:::24::02-00-00-00-00-02:off\n");
  CHECK(plan.targets[0].where == "nvme0n1, through eno2, from 10.2.0.5");
  CHECK(plan.network.hosts.empty());
}

TEST_CASE("plan network: one on the link and one behind a gateway share an address") {
  FakeHost host = two_networks();
  const Plan plan = planned(host, {"nfs://10.1.0.9/e", "nfs://198.51.100.7/e"});
  CHECK(lines(plan) == "ip=10.1.0.5::10.1.0.1:24::02-00-00-00-00-01:off\n");
  CHECK(plan.targets[0].where == "through eno1, from 10.1.0.5");
  CHECK(plan.network.nics.size() == 1);  // nothing of the other card
}

TEST_CASE("plan network: a second gateway on the same card has a route of its own") {
  FakeHost host = two_networks();
  host.routes["192.0.2."] = {"eno1", "10.1.0.5", "10.1.0.2"};
  const Plan plan = planned(host, {"nfs://198.51.100.7/e", "nfs://192.0.2.9/e"});
  CHECK(lines(plan) ==
        "ip=10.1.0.5::10.1.0.1:24::02-00-00-00-00-01:off\n"
        "route=192.0.2.9/32:10.1.0.2:02-00-00-00-00-01\n");
}

TEST_CASE("plan network: the address that the route uses, not the first; a /32 first") {
  FakeHost host = two_networks();
  host.interface_addresses["eno1"] = {
      {"203.0.113.1", 32, true}, {"10.1.0.5", 24, true}, {"10.9.0.5", 16, true}};
  host.routes["10.9."] = {"eno1", "10.9.0.5", ""};
  CHECK(lines(planned(host, {"nfs://10.9.3.3/e"})) == "ip=10.9.0.5:::16::02-00-00-00-00-01:off\n");
  // A host route on the link, from an address of the loopback.
  host.routes["10.8.0.1"] = {"eno2", "192.168.255.1", ""};
  CHECK(lines(planned(host, {"nfs://10.8.0.1/e"})) ==
        "ip=192.168.255.1:::32::02-00-00-00-00-02:off\n"
        "route=10.8.0.1/32::02-00-00-00-00-02\n");
}

TEST_CASE("plan network: a lease is asked for again, with the routes beside it") {
  FakeHost host = two_networks();
  host.interface_addresses["eno1"][0].permanent = false;
  CHECK(lines(planned(host, {"nfs://198.51.100.7/e"})) == "ip=02-00-00-00-00-01:dhcp\n");
  host.routes["203.0.113."] = {"eno1", "10.1.0.5", "10.1.0.2"};
  CHECK(lines(planned(host, {"nfs://198.51.100.7/e", "nfs://203.0.113.9/e"})) ==
        "ip=02-00-00-00-00-01:dhcp\n"
        "route=203.0.113.9/32:10.1.0.2:02-00-00-00-00-01\n");
}

TEST_CASE("plan network: IPv6 as IPv4") {
  FakeHost host = two_networks();
  host.interface_addresses["eno1"].push_back({"2001:db8:1::5", 64, true});
  host.routes["2001:db8:"] = {"eno1", "2001:db8:1::5", "fe80::1"};
  CHECK(lines(planned(host, {"nfs://[2001:db8:7::9]/e"})) ==
        "ip=[2001:db8:1::5]::[fe80::1]:64::02-00-00-00-00-01:off\n");
  host.interface_addresses["eno1"].back().permanent = false;
  CHECK(lines(planned(host, {"nfs://[2001:db8:7::9]/e"})) == "ip=02-00-00-00-00-01:auto6\n");
  host.interface_addresses["eno1"].back().prefix = 128;  // a lease of DHCPv6
  CHECK(lines(planned(host, {"nfs://[2001:db8:7::9]/e"})) ==
        "ip=[2001:db8:1::5]::[fe80::1]:128::02-00-00-00-00-01:off\n");
  // A server with both: the address that has a way.
  host.routes.erase("2001:db8:");
  host.names["nas"] = {"2001:db8:7::9", "10.2.0.9"};
  const Plan plan = planned(host, {"nfs://nas/e"});
  CHECK(plan.targets[0].address == "10.2.0.9");
  CHECK(plan.network.hosts == "10.2.0.9 nas\n");
  CHECK(lines(plan) == "ip=10.2.0.5:::24::02-00-00-00-00-02:off\n");
}

TEST_CASE("plan network: a link-local server is refused") {
  FakeHost host = two_networks();
  Plan plan;
  plan.this_machine = true;
  TargetPlan target;
  target.spec = *parse_target("nfs://[fe80::1]/e");
  target.server = needs(target.spec).server;
  plan.targets.push_back(target);
  const auto refused = plan_network({}, host, plan);
  REQUIRE_FALSE(refused);
  CHECK(is_usage_error(refused.error()));
  CHECK(refused.error().message.find("global address") != std::string::npos);
}

TEST_CASE("plan network: the MTU of the interface and that of the route, the smaller") {
  FakeHost host = two_networks();
  host.link("eno2").mtu = 1400;
  CHECK(lines(planned(host, {"nfs://10.2.0.9/e"})) ==
        "ip=10.2.0.5:::24::02-00-00-00-00-02:off:1400\n");
  host.link("eno2").mtu = 9000;
  host.routes["10.2.0."].mtu = 1280;
  const Plan plan = planned(host, {"nfs://10.2.0.9/e"});
  CHECK(plan.targets[0].where == "through eno2, from 10.2.0.5, MTU 1280");
}

TEST_CASE("plan network: a MAC that was set is not the one that the capture looks for") {
  FakeHost host = two_networks();
  host.link("eno2").mac = "02:aa:aa:aa:aa:aa";
  CHECK(lines(planned(host, {"nfs://10.2.0.9/e"})) == "ip=10.2.0.5:::24::02-00-00-00-00-02:off\n");
  Request request;
  request.ip.push_back({*parse_ip("02-aa-aa-aa-aa-aa:dhcp"), "--ip"});
  const Plan plan = planned(host, {"nfs://10.2.0.9/e"}, request);
  CHECK(lines(plan) == "ip=02-00-00-00-00-02:dhcp\n");
  CHECK(plan.notes.size() == 1);
}

TEST_CASE("plan network: stacks are made again in their order") {
  FakeHost host = two_networks();
  host.add_link("outer.100", "vlan").vlan_id = 100;
  host.link("outer.100").service_vlan = true;
  host.link("outer.100").parent = host.link("eno2").index;
  host.add_link("inner.7", "vlan").vlan_id = 7;
  host.link("inner.7").parent = host.link("outer.100").index;
  host.interface_addresses["inner.7"] = {{"10.7.0.5", 24, true}};
  host.routes["10.7.0."] = {"inner.7", "10.7.0.5", ""};
  CHECK(lines(planned(host, {"nfs://10.7.0.9/e", "nfs://10.7.0.10/e"})) ==
        "vlan=outer.100:02-00-00-00-00-02:802.1ad\n"
        "vlan=inner.7:outer.100\n"
        "ip=10.7.0.5:::24::inner.7:off\n");
}

TEST_CASE("plan network: what cannot be taken over is a warning, and all cards' drivers") {
  FakeHost host = two_networks();
  host.add_link("wg0", "wireguard");
  host.routes["10.7.0."] = {"wg0", "10.7.0.5", ""};
  Plan plan = planned(host, {"nfs://10.7.0.9/e"});
  CHECK(lines(plan).empty());
  REQUIRE(plan.warnings.size() == 1);
  CHECK(plan.warnings[0].find("wg0 is a wireguard device, which cannot be made again: DHCP") !=
        std::string::npos);
  CHECK(plan.network.nics.size() == 2);

  host.routes.clear();
  plan = planned(host, {"nfs://10.7.0.9/e"});
  REQUIRE(plan.warnings.size() == 1);
  CHECK(plan.warnings[0].starts_with("no route leads to 10.7.0.9 now: DHCP"));
  CHECK(plan.network.nics.size() == 2);
  CHECK(plan.targets[0].here);  // this machine's drivers, not the generic set
  CHECK(plan.targets[0].drivers.size() == 1);

  host = two_networks();
  host.add_link("team0", "team");
  host.link("eno2").master = host.link("team0").index;
  host.routes["10.7.0."] = {"team0", "10.7.0.5", ""};
  host.interface_addresses["team0"] = {{"10.7.0.5", 24, true}};
  plan = planned(host, {"nfs://10.7.0.9/e"});
  CHECK(lines(plan) == "ip=10.7.0.5:::24::02-00-00-00-00-02:off\n");
  REQUIRE(plan.warnings.size() == 1);
  CHECK(plan.warnings[0] == "team0 is a team: its port eno2 stands in for it, alone");

  host.routes["10.7.0."].own = true;
  plan = planned(host, {"nfs://10.7.0.9/e"});
  REQUIRE(plan.warnings.size() == 1);
  CHECK(plan.warnings[0].find("this machine itself") != std::string::npos);
}

TEST_CASE("plan network: another machine's image has nothing of this one") {
  FakeHost host = two_networks();
  Plan plan;
  TargetPlan target;
  target.spec = *parse_target("nfs://10.1.0.9/e");
  target.address = "10.1.0.9";
  plan.targets.push_back(target);
  REQUIRE(plan_network({}, host, plan));
  CHECK(lines(plan).empty());
  CHECK(plan.network.nics.empty());
  CHECK_FALSE(plan.targets[0].here);
}
