#include <doctest/doctest.h>

#include "init/contract/net_config.h"

using namespace mkcapture;
using Method = IpSpec::Method;

TEST_CASE("ip=: DHCP in its forms") {
  for (const char* text : {"dhcp", "on", "any"}) {
    const auto ip = parse_ip(text);
    REQUIRE(ip.ok());
    CHECK(ip->method == Method::kDhcp);
    CHECK(ip->interface.empty());
  }
  CHECK(parse_ip("eth0:dhcp")->interface.name == "eth0");
  CHECK(parse_ip("52-54-00-AA-bb-cc:dhcp")->interface.mac == "52:54:00:aa:bb:cc");
  CHECK(parse_ip("eth1:auto6")->method == Method::kAuto6);
  const auto full = parse_ip("::::node7:eth0:dhcp");
  REQUIRE(full.ok());
  CHECK(full->hostname == "node7");
  CHECK(full->method == Method::kDhcp);
}

TEST_CASE("ip=: static IPv4") {
  const auto ip =
      parse_ip("10.0.2.15:10.0.2.2:10.0.2.1:255.255.255.0:node:eth0:off:1.1.1.1:8.8.8.8");
  REQUIRE(ip.ok());
  CHECK(ip->method == Method::kStatic);
  CHECK(ip->address == "10.0.2.15");
  CHECK(ip->server == "10.0.2.2");
  CHECK(ip->gateway == "10.0.2.1");
  CHECK(ip->prefix == 24);
  CHECK(ip->hostname == "node");
  CHECK(ip->interface.name == "eth0");
  CHECK(ip->dns[0] == "1.1.1.1");
  CHECK(ip->dns[1] == "8.8.8.8");
}

TEST_CASE("ip=: masks, prefix lengths and the class rule") {
  CHECK(parse_ip("10.1.2.3")->prefix == 8);
  CHECK(parse_ip("172.16.0.1:::::eth0:none")->prefix == 16);
  CHECK(parse_ip("192.168.0.1:::::eth0:off")->prefix == 24);
  CHECK(parse_ip("10.0.0.1:::22::eth0")->prefix == 22);
  CHECK(parse_ip("10.0.0.1:::255.255.255.255::eth0:on")->prefix == 32);
  CHECK(parse_ip("10.0.0.1:::0.0.0.0::eth0:on")->prefix == 0);
  CHECK_FALSE(parse_ip("10.0.0.1:::255.0.255.0::eth0:off").ok());
  CHECK_FALSE(parse_ip("10.0.0.1:::33::eth0:off").ok());
}

TEST_CASE("ip=: static IPv6 in brackets") {
  const auto ip = parse_ip("[2001:db8::5]::[2001:db8::1]:56::eth0:off:[2001:db8::53]");
  REQUIRE(ip.ok());
  CHECK(ip->address == "2001:db8::5");
  CHECK(ip->gateway == "2001:db8::1");
  CHECK(ip->prefix == 56);
  CHECK(ip->dns[0] == "2001:db8::53");
  CHECK(parse_ip("[fd00::1]:::::eth0:off")->prefix == 64);
}

TEST_CASE("ip=: what cannot work is refused") {
  for (const char* bad :
       {"", "off", "eth0", "eth0:off", "bootp", "eth0:dhcp6", "10.0.0.1:::::eth0:dhcp",
        "10.0.0.1:::::eth0:frob", "10.0.0:::::eth0:off", "[2001:db8::1]::10.0.0.1:64::eth0:off",
        "10.0.0.1:::::eth0/../x:off", "10.0.0.1:::::a_name_that_is_too_long:off",
        "10.0.0.1:::::eth0:off:nonsense", "[2001:db8::1:::::eth0:off", "[2001:db8::1]x:::::e:off",
        "1.2.3.4:1:2:3:4:5:6:7:8:9:10", "10.0.0.1::::bad host:eth0:off"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_ip(bad).ok());
  }
}

TEST_CASE("ip=: the canonical text parses back") {
  for (const char* text :
       {"dhcp", "eth0:dhcp", "52-54-00-aa-bb-cc:dhcp", "auto6", "::::node:eth0:dhcp",
        "10.0.2.15::10.0.2.2:24:node:eth0:off", "10.0.2.15:::24::eth0:off:1.1.1.1:8.8.8.8",
        "[2001:db8::5]:[2001:db8::9]:[2001:db8::1]:64::eth0:off:[2001:db8::53]"}) {
    CAPTURE(text);
    const auto ip = parse_ip(text);
    REQUIRE(ip.ok());
    CHECK(to_string(*ip) == text);
  }
}

TEST_CASE("vlan=: the number is the name's end") {
  const auto vlan = parse_vlan("vlan5:eth0");
  REQUIRE(vlan.ok());
  CHECK(vlan->name == "vlan5");
  CHECK(vlan->id == 5);
  CHECK(vlan->parent.name == "eth0");
  CHECK(parse_vlan("eth0.4094:52-54-00-aa-bb-cc")->id == 4094);
  CHECK(to_string(*parse_vlan("eth0.7:bond0")) == "eth0.7:bond0");
  for (const char* bad : {"", "vlan5", "vlan:eth0", "vlan0:eth0", "vlan4095:eth0", "vlan5:",
                          "vlan5:vlan5", "vlan5:eth0:x", "vlan99999999999999999999:eth0"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_vlan(bad).ok());
  }
}

TEST_CASE("bond=: slaves, options, MTU") {
  const auto bond = parse_bond(
      "bond0:eth0,52-54-00-aa-bb-cc:mode=802.3ad,lacp_rate=fast,miimon=50,"
      "xmit_hash_policy=layer3+4:9000");
  REQUIRE(bond.ok());
  CHECK(bond->name == "bond0");
  REQUIRE(bond->slaves.size() == 2);
  CHECK(bond->slaves[0].name == "eth0");
  CHECK(bond->slaves[1].mac == "52:54:00:aa:bb:cc");
  CHECK(bond->mode == 4);
  CHECK(bond->lacp_rate == 1);
  CHECK(bond->miimon == 50);
  CHECK(bond->xmit_hash_policy == 1);
  CHECK(bond->mtu == 9000);
  CHECK(parse_bond("bond0")->slaves.size() == 2);
  CHECK(parse_bond("bond0")->mode == 1);
  CHECK(parse_bond("bond0:eth0:mode=6,primary=eth0")->primary == "eth0");
  const std::string canonical = to_string(*bond);
  CHECK(to_string(*parse_bond(canonical)) == canonical);
  for (const char* bad :
       {"", "bond0:,", "bond0:eth0:mode=7", "bond0:eth0:mode=fast", "bond0:eth0:arp_interval=1",
        "bond0:eth0:miimon=x", "bond0:eth0::67", "bond0:eth0::1500:x", "a/b:eth0"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_bond(bad).ok());
  }
}

TEST_CASE("ip=: the MTU, in dracut's place and beside name servers") {
  const std::string fixed = "10.0.0.5::10.0.0.1:24::eth0:off";
  CHECK(parse_ip(fixed + ":1400")->mtu == 1400);
  CHECK(to_string(*parse_ip(fixed + ":1400")) == fixed + ":1400");
  CHECK(to_string(*parse_ip(fixed + ":10.0.0.9:::9000")) == fixed + ":10.0.0.9:::9000");
  CHECK(to_string(*parse_ip(fixed + ":10.0.0.9:10.0.0.8::9000")) ==
        fixed + ":10.0.0.9:10.0.0.8::9000");
  CHECK(to_string(*parse_ip("::::::dhcp:1400")) == "::::::dhcp:1400");
  CHECK_FALSE(parse_ip(fixed + ":12"));
  CHECK_FALSE(parse_ip(fixed + ":10.0.0.9:::x"));
}

TEST_CASE("vlan=: a provider's VLAN") {
  CHECK(parse_vlan("v.100:eth0:802.1ad")->service);
  CHECK_FALSE(parse_vlan("v.100:eth0")->service);
  CHECK(to_string(*parse_vlan("v.100:eth0:802.1ad")) == "v.100:eth0:802.1ad");
  CHECK(to_string(*parse_vlan("v.100:eth0:802.1q")) == "v.100:eth0");
  CHECK_FALSE(parse_vlan("v.100:eth0:802.1x"));
}

TEST_CASE("route=: there and back, and what is none") {
  for (const char* text : {"192.0.2.9/32:10.0.0.1:eth0", "192.0.2.0/24::02-00-00-00-00-01",
                           "[2001:db8::9/128]:[fe80::1]:vlan7"}) {
    const auto route = parse_route(text);
    REQUIRE_MESSAGE(route, text);
    CHECK(to_string(*route) == text);
  }
  CHECK(parse_route("192.0.2.9:10.0.0.1:eth0")->prefix == 32);
  for (const char* bad : {"", "x/32:10.0.0.1:eth0", "192.0.2.9/33:10.0.0.1:eth0",
                          "192.0.2.9/32:fe80::1:eth0", "192.0.2.9/32:10.0.0.1:",
                          "[2001:db8::9/128:[fe80::1]:eth0", "[2001:db8::9/128]:10.0.0.1:eth0"})
    CHECK_FALSE_MESSAGE(parse_route(bad), bad);
}
