// rtnetlink(7) requests and answers as bytes, include/uapi/linux/{rtnetlink,if_link,if_addr}.h.
// Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "init/net/link_control.h"
#include "init/net/netlink.h"

namespace mkcapture::init::rtnl {

using Bytes = std::vector<std::byte>;

// Requests; `sequence` comes back in the answer.
[[nodiscard]] Bytes dump_links(std::uint32_t sequence);
[[nodiscard]] Bytes dump_addresses(std::uint32_t sequence);
[[nodiscard]] Bytes set_up(std::uint32_t sequence, int index, bool up);
[[nodiscard]] Bytes set_mtu(std::uint32_t sequence, int index, std::uint32_t mtu);
[[nodiscard]] Bytes set_master(std::uint32_t sequence, int index, int master);
[[nodiscard]] Bytes remove(std::uint32_t sequence, int index);
[[nodiscard]] Bytes add_vlan(std::uint32_t sequence, const VlanSpec& vlan, int parent);
[[nodiscard]] Bytes add_bond(std::uint32_t sequence, const BondSpec& bond);
[[nodiscard]] Bytes set_primary(std::uint32_t sequence, int bond, int slave);
[[nodiscard]] Bytes add_address(std::uint32_t sequence, int index, const IpAddress& address,
                                int prefix);
[[nodiscard]] Bytes add_route(std::uint32_t sequence, const Route& route);

// Answers; nothing where the message is of another type or too short.
[[nodiscard]] std::optional<Link> parse_link(const NetlinkMessage& message);
[[nodiscard]] std::optional<InterfaceAddress> parse_address(const NetlinkMessage& message);
/// The errno of an NLMSG_ERROR, 0 for an acknowledgement; EPROTO where it is cut short.
[[nodiscard]] std::optional<int> parse_error(const NetlinkMessage& message);

}  // namespace mkcapture::init::rtnl
