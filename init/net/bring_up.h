// From loaded drivers to a network that can reach a server: bonds, VLANs, links, addresses, routes
// and /etc/resolv.conf. May be called again by a later target's worker; what is there is used.
#pragma once

#include <string>

#include "init/devices/context.h"
#include "init/net/link_control.h"

namespace mkcapture::init {

struct NetworkState {
  IpAddress local;  // the first address that was set
};

/// Brings up what `config` asks for (ip=, vlan=, bond=); without any ip=, DHCP on the first
/// interface with a link. Succeeds once every ip= has its address, or at least one has and the
/// others did not follow within ten seconds. Every wait ends with `deadline`; the error then names
/// the interfaces that were seen and what was missing. Enters kLink and kAddress.
[[nodiscard]] Result<NetworkState> bring_up_network(CaptureContext context, LinkControl& control,
                                                    const Deadline& deadline);

}  // namespace mkcapture::init
