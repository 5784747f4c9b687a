// What the kernel says of this machine's network, by rtnetlink(7): interfaces, addresses, and the
// way to an address. Facts; what they mean is decided in interfaces.cc and plan/network.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace mkcapture {

/// An interface (RTM_NEWLINK).
struct NetworkLink {
  int index = 0;
  std::string name{};
  std::string kind{};           // "vlan", "bond", "bridge", "wireguard", ...; empty for a card
  std::string mac{};            // as it is now; lower case with colons, empty where it has none
  std::string permanent_mac{};  // what the card was made with (IFLA_PERM_ADDRESS); empty: not told
  std::uint32_t mtu = 0;
  int master = 0;             // the bond, bridge, team, VRF that it belongs to, by index; 0 none
  int parent = 0;             // of a VLAN or macvlan, by index; 0 none
  std::uint16_t vlan_id = 0;  // of a VLAN
  bool service_vlan = false;  // 802.1ad
};

/// An address of an interface, link-local ones left out.
struct InterfaceAddress {
  std::string address;  // as text
  int prefix = 0;
  bool permanent = false;  // set for good; false: leased or announced, and to be asked for again
};

/// The way that the kernel would take to an address now (RTM_GETROUTE, as `ip route get`).
struct NetworkRoute {
  std::string interface;
  std::string source;     // the own address that packets would carry
  std::string gateway;    // empty: on the link
  std::uint32_t mtu = 0;  // the route's own limit; 0: the interface's
  bool own = false;       // the address is this machine's
};

/// Both addresses, as text, begin with the same `prefix` bits. Pure; false where one is none, or
/// they are of two families.
[[nodiscard]] bool in_one_network(const std::string& one, const std::string& other, int prefix);

[[nodiscard]] std::vector<NetworkLink> network_links();
[[nodiscard]] std::vector<InterfaceAddress> interface_addresses(const std::string& interface);
/// Nothing where there is no way, or the kernel cannot be asked.
[[nodiscard]] std::optional<NetworkRoute> network_route(const std::string& address);

}  // namespace mkcapture
