// Network interfaces of this machine: which one leads to a server, what it is made of, and what it
// must be called in the capture kernel, where names follow probe order and udev renames nothing.
#pragma once

#include <cstdint>
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
  std::string mac;   // what it was made with, lower case with colons: the one that it has again in
                     // the capture kernel, whatever was set here, and while it is in a bond
  std::vector<DeviceDriver> drivers;
};

/// The card of this name or MAC (its own or the one that was set); nothing where this machine has
/// none (or it is no card).
[[nodiscard]] std::optional<Nic> find_nic(Host& host, const InterfaceName& name);
/// All cards of this machine that have a driver.
[[nodiscard]] std::vector<Nic> all_nics(Host& host);

/// An interface taken apart down to its cards. What can be made again in the capture kernel is in
/// `bonds` and `vlans`; a bridge, a team, a macvlan ... is stood in for by what is below it.
struct LinkStack {
  std::vector<Nic> nics;
  std::vector<BondSpec> bonds;  // slaves: VLANs by name, cards by MAC
  std::vector<VlanSpec> vlans;  // the lower one first; parents likewise
  InterfaceName top;            // what ip= must name
  std::uint32_t mtu = 0;        // of the interface
  std::string stand_in;     // "team0 is a team: its port eno1 stands in for it alone"; mostly empty
  std::string unsupported;  // "wg0 is a wireguard device"; what stands in the way; mostly empty
};
[[nodiscard]] LinkStack link_stack(Host& host, const std::string& interface);

}  // namespace mkcapture
