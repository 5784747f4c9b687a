// Choosing among the interfaces that are there, and saying what was seen. Pure.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "init/contract/net_config.h"
#include "init/net/link_control.h"

namespace mkcapture::init {

/// The link of that name or MAC; null where there is none. VLANs and bonds share a MAC with the
/// device below them: the device itself is meant, or the bond where it is a bond's slave.
[[nodiscard]] const Link* find_link(std::span<const Link> links, const InterfaceName& wanted);
[[nodiscard]] const Link* find_link(std::span<const Link> links, int index);

/// Where an address may go: the interface that is named, or for an empty name every Ethernet
/// interface that is not a bond's slave and carries no VLAN, by index.
[[nodiscard]] std::vector<const Link*> candidates(std::span<const Link> links,
                                                  const InterfaceName& wanted);

[[nodiscard]] std::string describe(const Link& link);  // "eth0 (52:54:00:12:34:56)"
/// For an error: "eth0 (52:54:00:12:34:56) without a link, eth1 (...) up", or "none".
[[nodiscard]] std::string describe_links(std::span<const Link> links);

}  // namespace mkcapture::init
