// From loaded drivers to a network that can reach a server: bonds, VLANs, links, addresses, routes
// and /etc/resolv.conf. May be called again by a later target's worker; what is there is used.
#pragma once

#include <set>
#include <string>

#include "init/devices/context.h"
#include "init/net/link_control.h"

namespace mkcapture::init {

struct NetworkState {
  IpAddress local;  // the first address that was set
  std::string interface;
  int index = 0;   // of `interface`
  int others = 0;  // cards that DHCP may be asked on in its place; 0 where ip= names the card
};

/// Brings up what `config` asks for (ip=, vlan=, bond=); without any ip=, DHCP on the first
/// interface with a link. Succeeds once every ip= has its address, or at least one has and the
/// others did not follow within ten seconds. Every wait ends with `deadline`; the error then names
/// the interfaces that were seen and what was missing. Enters kLink and kAddress. `passed_over`:
/// cards, by index, that are not asked where ip= names none.
[[nodiscard]] Result<NetworkState> bring_up_network(const CaptureContext& context,
                                                    LinkControl& control, const Deadline& deadline,
                                                    const std::set<int>& passed_over = {});

}  // namespace mkcapture::init
