#include <doctest/doctest.h>

#include <algorithm>

#include "builder/host/interfaces.h"
#include "tests/fakes/fake_host.h"

using namespace mkcapture;
using fakes::FakeHost;

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

TEST_CASE("interfaces: a card whose MAC was set is known by its own") {
  FakeHost host = fakes::virtual_machine();
  host.link("enp1s0").mac = "02:00:00:00:00:77";
  CHECK(find_nic(host, {"enp1s0", ""})->mac == "52:54:00:aa:bb:cc");
  CHECK(find_nic(host, {"", "02:00:00:00:00:77"})->mac == "52:54:00:aa:bb:cc");
  host.link("enp1s0").permanent_mac.clear();  // a driver that does not tell
  CHECK(find_nic(host, {"enp1s0", ""})->mac == "02:00:00:00:00:77");
  CHECK(all_nics(host).size() == 1);
}

TEST_CASE("interfaces: a card alone is named by its MAC") {
  FakeHost host = fakes::virtual_machine();
  host.link("enp1s0").mtu = 9000;
  const LinkStack stack = link_stack(host, "enp1s0");
  CHECK(to_string(stack.top) == "52-54-00-aa-bb-cc");
  CHECK(stack.mtu == 9000);
  CHECK(stack.nics.size() == 1);
  CHECK(stack.bonds.empty());
  CHECK(stack.vlans.empty());
  CHECK(stack.stand_in.empty());
  CHECK(link_stack(host, "eth9").unsupported == "eth9 is not there");
}

namespace {

/// Two cards eno1 and eno2 (02:...:01 and :02).
FakeHost two_cards() {
  FakeHost host;
  for (const char* digit : {"1", "2"}) {
    const std::string device = std::string("/sys/devices/pci0000:00/0000:00:0") + digit + ".0";
    host.bind_driver(device, "igb", "igb");
    host.add_card(device, std::string("eno") + digit, std::string("02:00:00:00:00:0") + digit);
  }
  return host;
}

void put_on(FakeHost& host, const std::string& upper, const std::string& lower) {
  host.link(upper).parent = host.link(lower).index;
}
void put_into(FakeHost& host, const std::string& port, const std::string& master) {
  host.link(port).master = host.link(master).index;
}
void add_vlan(FakeHost& host, const std::string& name, std::uint16_t id, const std::string& lower) {
  host.add_link(name, "vlan").vlan_id = id;
  put_on(host, name, lower);
}
void add_bond(FakeHost& host, const std::string& name) {
  host.add_link(name, "bond");
  const std::string folder = "/sys/devices/virtual/net/" + name;
  host.links["/sys/class/net/" + name] = folder;
  host.files[folder + "/bonding/mode"] = "802.3ad 4\n";
  host.files[folder + "/bonding/miimon"] = "50\n";
  host.files[folder + "/bonding/lacp_rate"] = "fast 1\n";
  host.files[folder + "/bonding/xmit_hash_policy"] = "layer3+4 1\n";
}

}  // namespace

TEST_CASE("interfaces: a VLAN on a bond of two cards") {
  FakeHost host = two_cards();
  add_bond(host, "agg");
  for (const char* slave : {"eno1", "eno2"}) {
    put_into(host, slave, "agg");
    host.link(slave).mac = "02:00:00:00:00:99";  // the bond's, while it is in it
  }
  add_vlan(host, "agg.42", 42, "agg");
  add_vlan(host, "storage", 43, "agg");

  const LinkStack stack = link_stack(host, "agg.42");
  CHECK(stack.unsupported.empty());
  CHECK(to_string(stack.top) == "agg.42");
  REQUIRE(stack.vlans.size() == 1);
  CHECK(to_string(stack.vlans[0]) == "agg.42:agg");
  REQUIRE(stack.bonds.size() == 1);
  CHECK(to_string(stack.bonds[0]) ==
        "agg:02-00-00-00-00-01,02-00-00-00-00-02:mode=802.3ad,miimon=50,lacp_rate=fast,"
        "xmit_hash_policy=layer3+4");
  CHECK(stack.nics.size() == 2);
  // A name that does not end in the number, as vlan= wants it.
  CHECK(to_string(link_stack(host, "storage").top) == "v5.43");
}

TEST_CASE("interfaces: a VLAN in a provider's VLAN, and a bond of VLANs") {
  FakeHost host = two_cards();
  add_vlan(host, "outer.100", 100, "eno1");
  host.link("outer.100").service_vlan = true;
  add_vlan(host, "inner.7", 7, "outer.100");
  LinkStack stack = link_stack(host, "inner.7");
  REQUIRE(stack.vlans.size() == 2);
  CHECK(to_string(stack.vlans[0]) == "outer.100:02-00-00-00-00-01:802.1ad");
  CHECK(to_string(stack.vlans[1]) == "inner.7:outer.100");
  CHECK(to_string(stack.top) == "inner.7");
  CHECK(stack.nics.size() == 1);

  add_bond(host, "agg");
  add_vlan(host, "eno1.5", 5, "eno1");
  add_vlan(host, "eno2.5", 5, "eno2");
  put_into(host, "eno1.5", "agg");
  put_into(host, "eno2.5", "agg");
  stack = link_stack(host, "agg");
  REQUIRE(stack.bonds.size() == 1);
  REQUIRE(stack.bonds[0].slaves.size() == 2);
  CHECK(stack.bonds[0].slaves[1].name == "eno2.5");
  CHECK(stack.vlans.size() == 2);
  CHECK(stack.nics.size() == 2);
  CHECK(stack.stand_in.empty());
}

TEST_CASE("interfaces: through a bridge of virtual machines to its card") {
  FakeHost host = two_cards();
  host.add_link("br0", "bridge");
  host.add_link("vnet0", "tun");
  add_vlan(host, "eno1.9", 9, "eno1");
  put_into(host, "vnet0", "br0");
  put_into(host, "eno1.9", "br0");
  const LinkStack stack = link_stack(host, "br0");
  CHECK(to_string(stack.top) == "eno1.9");
  CHECK(stack.vlans.size() == 1);
  CHECK(stack.nics.size() == 1);
  CHECK(stack.stand_in.empty());
  CHECK(stack.unsupported.empty());
}

TEST_CASE("interfaces: what cannot be made again is stood in for by what is below it, with words") {
  FakeHost host = two_cards();
  host.add_link("team0", "team");
  put_into(host, "eno1", "team0");
  put_into(host, "eno2", "team0");
  LinkStack stack = link_stack(host, "team0");
  CHECK(to_string(stack.top) == "02-00-00-00-00-01");
  CHECK(stack.stand_in == "team0 is a team: its port eno1 stands in for it, alone");

  host = two_cards();
  host.add_link("mv0", "macvlan");
  put_on(host, "mv0", "eno2");
  stack = link_stack(host, "mv0");
  CHECK(to_string(stack.top) == "02-00-00-00-00-02");
  CHECK(stack.stand_in == "mv0 is a macvlan: eno2 below it stands in for it");

  host = two_cards();
  host.add_link("ovs-system", "openvswitch");
  host.add_link("br-ex", "openvswitch");
  put_into(host, "eno2", "ovs-system");
  stack = link_stack(host, "br-ex");
  CHECK(to_string(stack.top) == "02-00-00-00-00-02");
  CHECK(stack.stand_in.find("Open vSwitch: eno2") != std::string::npos);
  put_into(host, "eno1", "ovs-system");  // now it could be either
  CHECK(link_stack(host, "br-ex").unsupported.find("br-ex is a port of Open vSwitch") == 0);

  host = two_cards();
  host.files["/sys/devices/pci0000:00/0000:00:01.0/physfn/net/eno2/address"] = "";
  stack = link_stack(host, "eno1");
  CHECK(to_string(stack.top) == "02-00-00-00-00-02");
  CHECK(stack.stand_in == "eno1 is a virtual function: its card eno2 stands in for it");
}

TEST_CASE("interfaces: the driver of a card's PHY") {
  FakeHost host = two_cards();
  const std::string phy =
      "/sys/devices/pci0000:00/0000:00:01.0/mdio_bus/r8169-0-100/r8169-0-100:00";
  host.bind_driver(phy, "RTL8211F Gigabit Ethernet", "realtek");
  host.links["/sys/devices/pci0000:00/0000:00:01.0/net/eno1/phydev"] = phy;
  const auto nic = find_nic(host, {"eno1", ""});
  REQUIRE(nic);
  CHECK(std::ranges::any_of(nic->drivers,
                            [](const DeviceDriver& driver) { return driver.module == "realtek"; }));
  CHECK(find_nic(host, {"eno2", ""})->drivers.size() + 1 == nic->drivers.size());
}

TEST_CASE("interfaces: InfiniBand is refused with words") {
  FakeHost host = two_cards();
  host.files["/sys/devices/pci0000:00/0000:00:01.0/net/eno1/type"] = "32\n";
  CHECK(link_stack(host, "eno1").unsupported == "eno1 is an InfiniBand device");
}

TEST_CASE("interfaces: Hyper-V's card, not the virtual function below it with the same MAC") {
  FakeHost host;
  host.bind_driver("/sys/devices/pci0000:00/0000:00:02.0", "mlx5_core", "mlx5_core");
  host.add_card("/sys/devices/pci0000:00/0000:00:02.0", "enP1s1", "00:0d:3a:00:00:01");
  host.bind_driver("/sys/devices/vmbus/1", "hv_netvsc", "hv_netvsc");
  host.add_card("/sys/devices/vmbus/1", "eth0", "00:0d:3a:00:00:01");
  put_into(host, "enP1s1", "eth0");
  const auto nic = find_nic(host, {"", "00:0d:3a:00:00:01"});
  REQUIRE(nic);
  CHECK(nic->name == "eth0");
  CHECK(all_nics(host).size() == 1);
  CHECK(link_stack(host, "eth0").nics.size() == 1);
}

TEST_CASE("interfaces: a tunnel is not a way for a capture") {
  FakeHost host;
  host.add_link("wg0", "wireguard");
  CHECK(link_stack(host, "wg0").unsupported == "wg0 is a wireguard device");
}
