// Network interfaces of this machine: which one leads to a server, what it is made of, and what it
// must be called in the capture kernel, where names follow probe order and udev renames nothing.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "builder/base/usage.h"
#include "builder/host/device_drivers.h"
#include "builder/host/host.h"
#include "init/contract/net_config.h"

namespace mkcapture {

/// A network card.
struct Nic {
  std::string name;  // here: "enp3s0"
  std::string mac;   // its own, lower case with colons, also while it is in a bond
  std::vector<DeviceDriver> drivers;
};

/// The interface that the main routing table sends `address` (IPv4 or IPv6) through; nothing where
/// there is no route or the way is the loopback.
[[nodiscard]] std::optional<std::string> route_to(Host& host, const std::string& address);

/// Longest prefix, then lowest metric, of /proc/net/route and /proc/net/ipv6_route. Pure.
[[nodiscard]] std::optional<std::string> route_in_table(std::string_view table,
                                                        const std::string& ipv4);
[[nodiscard]] std::optional<std::string> route_in_table6(std::string_view table,
                                                         const std::string& ipv6);

/// The gateway of the IPv4 route to `address`; empty for a link of its own.
[[nodiscard]] std::string gateway_to(Host& host, const std::string& address);

/// The card of this name or MAC; nothing where this machine has none (or it is no card).
[[nodiscard]] std::optional<Nic> find_nic(Host& host, const InterfaceName& name);

/// An interface taken apart: the cards below a VLAN, a bond, a bridge, or itself.
struct LinkStack {
  std::vector<Nic> nics;
  std::optional<VlanSpec> vlan;  // parent: the bond or the card's MAC
  std::optional<BondSpec> bond;  // slaves: the cards' MACs
  std::string top;          // what ip= must name: the VLAN, the bond, or the card's MAC with dashes
  std::string unsupported;  // "a tunnel", "a team": what stands in the way; empty
};
[[nodiscard]] LinkStack link_stack(Host& host, const std::string& interface);

}  // namespace mkcapture
