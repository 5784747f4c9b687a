#include <doctest/doctest.h>

#include "builder/host/interfaces.h"
#include "tests/fakes/fake_host.h"

using namespace mkcapture;
using fakes::FakeHost;

TEST_CASE("routes: longest prefix, then metric; rejects and the loopback do not count") {
  const char* table =
      "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n"
      "eth0\t00000000\t0100000A\t0003\t0\t0\t100\t00000000\t0\t0\t0\n"
      "eth1\t00000000\t0100000B\t0003\t0\t0\t50\t00000000\t0\t0\t0\n"
      "eth2\t0002000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
      "eth3\t0002000A\t00000000\t0201\t0\t0\t0\tFFFFFFFF\t0\t0\t0\n"
      "eth4\t0003000A\t00000000\t0000\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
      "broken\n";
  CHECK(route_in_table(table, "192.0.2.1") == "eth1");
  CHECK(route_in_table(table, "10.0.2.2") == "eth2");
  CHECK(route_in_table(table, "10.0.3.2") == "eth1");
  CHECK(!route_in_table(table, "not an address"));
  CHECK(!route_in_table("", "10.0.2.2"));
}

TEST_CASE("routes: IPv6") {
  const char* table =
      "20010db8000000000000000000000000 40 00000000000000000000000000000000 00 "
      "00000000000000000000000000000000 00000100 00000001 00000000 00000001     eth0\n"
      "00000000000000000000000000000000 00 00000000000000000000000000000000 00 "
      "fe800000000000000000000000000001 00000400 00000001 00000000 00000003     eth1\n"
      "00000000000000000000000000000000 00 00000000000000000000000000000000 00 "
      "00000000000000000000000000000000 ffffffff 00000001 00000000 00200200       lo\n";
  CHECK(route_in_table6(table, "2001:db8::5") == "eth0");
  CHECK(route_in_table6(table, "2001:db9::5") == "eth1");
  CHECK(!route_in_table6(table, "10.0.0.1"));
}

TEST_CASE("interfaces: a card by name and by MAC") {
  FakeHost host = fakes::virtual_machine();
  const auto by_name = find_nic(host, {"enp1s0", ""});
  REQUIRE(by_name);
  CHECK(by_name->mac == "52:54:00:aa:bb:cc");
  REQUIRE(by_name->drivers.size() == 2);
  CHECK(by_name->drivers[0].module == "virtio_pci");
  CHECK(by_name->drivers[1].module == "virtio_net");
  CHECK(find_nic(host, {"", "52:54:00:aa:bb:cc"})->name == "enp1s0");
  CHECK(!find_nic(host, {"eth9", ""}));
  CHECK(!find_nic(host, {"", "52:54:00:00:00:00"}));
}

TEST_CASE("interfaces: a card alone is named by its MAC") {
  FakeHost host = fakes::virtual_machine();
  const LinkStack stack = link_stack(host, "enp1s0");
  CHECK(stack.top == "52-54-00-aa-bb-cc");
  CHECK(stack.nics.size() == 1);
  CHECK(!stack.bond);
  CHECK(!stack.vlan);
}

TEST_CASE("interfaces: a VLAN on a bond of two cards") {
  FakeHost host;
  const std::string net = "/sys/devices/virtual/net/";
  for (const char* digit : {"1", "2"}) {
    const std::string device = std::string("/sys/devices/pci0000:00/0000:00:0") + digit + ".0";
    const std::string name = std::string("eno") + digit;
    host.bind_driver(device, "igb", "igb");
    host.add_card(device, name, "02:00:00:00:00:99");  // the bond's, while it is in it
    host.files["/sys/class/net/" + name + "/bonding_slave/perm_hwaddr"] = "";
    host.files[device + "/net/" + name + "/bonding_slave/perm_hwaddr"] =
        std::string("02:00:00:00:00:0") + digit + "\n";
    host.links[net + "team0/lower_" + name] = device + "/net/" + name;
  }
  host.links["/sys/class/net/team0"] = net + "team0";
  host.files[net + "team0/bonding/mode"] = "802.3ad 4\n";
  host.files[net + "team0/bonding/miimon"] = "50\n";
  host.files[net + "team0/bonding/lacp_rate"] = "fast 1\n";
  host.files[net + "team0/bonding/xmit_hash_policy"] = "layer3+4 1\n";
  host.links["/sys/class/net/team0.42"] = net + "team0.42";
  host.links[net + "team0.42/lower_team0"] = net + "team0";
  host.files["/proc/net/vlan/team0.42"] = "team0.42  VID: 42\t REORDER_HDR: 1\n";

  const LinkStack stack = link_stack(host, "team0.42");
  CHECK(stack.unsupported.empty());
  CHECK(stack.top == "vlan42");
  REQUIRE(stack.vlan);
  CHECK(to_string(*stack.vlan) == "vlan42:team0");
  REQUIRE(stack.bond);
  CHECK(stack.bond->mode == 4);
  CHECK(stack.bond->miimon == 50);
  CHECK(stack.bond->lacp_rate == 1);
  CHECK(stack.bond->xmit_hash_policy == 1);
  REQUIRE(stack.bond->slaves.size() == 2);
  CHECK(stack.bond->slaves[0].mac == "02:00:00:00:00:01");
  CHECK(stack.nics.size() == 2);
}

TEST_CASE("interfaces: through a bridge of virtual machines to its card") {
  FakeHost host = fakes::virtual_machine();
  const std::string net = "/sys/devices/virtual/net/";
  host.links["/sys/class/net/br0"] = net + "br0";
  host.files[net + "br0/bridge/bridge_id"] = "x";
  host.links["/sys/class/net/vnet0"] = net + "vnet0";
  host.files[net + "vnet0/tun_flags"] = "0x1002\n";
  host.links[net + "br0/lower_enp1s0"] = "/sys/class/net/enp1s0";
  host.links[net + "br0/lower_vnet0"] = net + "vnet0";
  CHECK(link_stack(host, "br0").top == "52-54-00-aa-bb-cc");
}

TEST_CASE("interfaces: a tunnel is not a way for a capture") {
  FakeHost host;
  host.links["/sys/class/net/wg0"] = "/sys/devices/virtual/net/wg0";
  host.files["/sys/devices/virtual/net/wg0/uevent"] = "DEVTYPE=wireguard\nINTERFACE=wg0\n";
  CHECK(link_stack(host, "wg0").unsupported == "wg0 is a wireguard device");
}
