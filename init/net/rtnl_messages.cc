#include "init/net/rtnl_messages.h"

#include <arpa/inet.h>
#include <linux/if_addr.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>

namespace mkcapture::init::rtnl {
namespace {

constexpr std::uint16_t kChange = NLM_F_REQUEST | NLM_F_ACK;
constexpr std::uint16_t kCreate = kChange | NLM_F_CREATE | NLM_F_EXCL;
constexpr std::uint16_t kPut = kChange | NLM_F_CREATE | NLM_F_REPLACE;
constexpr std::uint16_t kDump = NLM_F_REQUEST | NLM_F_DUMP;

// RFC 2863 states, include/uapi/linux/if.h; that header and musl's net/if.h exclude each other.
constexpr std::uint8_t kOperUnknown = 0;
constexpr std::uint8_t kOperUp = 6;

std::span<const std::byte> bytes_of(const IpAddress& address) {
  return std::as_bytes(address.span());
}

ifinfomsg link_header(int index) {
  ifinfomsg m{};
  m.ifi_family = AF_UNSPEC;
  m.ifi_index = index;
  return m;
}

NetlinkWriter change_link(std::uint32_t sequence, int index) {
  NetlinkWriter w(RTM_NEWLINK, kChange, sequence);
  w.fixed(link_header(index));
  return w;
}

/// The attributes of a kind of link, in IFLA_LINKINFO.
template <class Fill>
void link_info(NetlinkWriter& w, std::string_view kind, Fill fill) {
  const std::size_t info = w.begin(IFLA_LINKINFO);
  w.text(IFLA_INFO_KIND, kind);
  const std::size_t data = w.begin(IFLA_INFO_DATA);
  fill(w);
  w.end(data);
  w.end(info);
}

std::string mac_text(std::span<const std::byte> address) {
  if (address.size() != 6) return {};
  std::array<unsigned, 6> b;
  for (std::size_t i = 0; i < b.size(); ++i)
    b[i] = std::to_integer<unsigned>(address[i]);
  char text[18];
  std::snprintf(text, sizeof text, "%02x:%02x:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3], b[4],
                b[5]);
  return text;
}

std::string kind_of(std::span<const std::byte> link_info_bytes) {
  AttributeReader reader(link_info_bytes);
  while (auto a = reader.next()) {
    if (a->type == IFLA_INFO_KIND) return a->text();
  }
  return {};
}

template <class T>
std::optional<T> fixed_part(const NetlinkMessage& message) {
  T value;
  if (message.payload.size() < sizeof value) return std::nullopt;
  std::memcpy(&value, message.payload.data(), sizeof value);
  return value;
}

template <class T>
AttributeReader attributes_behind(const NetlinkMessage& message) {
  return AttributeReader(message.payload.subspan(sizeof(T)));
}

}  // namespace

Bytes dump_links(std::uint32_t sequence) {
  NetlinkWriter w(RTM_GETLINK, kDump, sequence);
  w.fixed(link_header(0));
  return std::move(w).finish();
}

Bytes dump_addresses(std::uint32_t sequence) {
  NetlinkWriter w(RTM_GETADDR, kDump, sequence);
  w.fixed(ifaddrmsg{});
  return std::move(w).finish();
}

Bytes set_up(std::uint32_t sequence, int index, bool up) {
  NetlinkWriter w(RTM_NEWLINK, kChange, sequence);
  ifinfomsg m = link_header(index);
  m.ifi_change = IFF_UP;
  m.ifi_flags = up ? IFF_UP : 0;
  w.fixed(m);
  return std::move(w).finish();
}

Bytes set_mtu(std::uint32_t sequence, int index, std::uint32_t mtu) {
  NetlinkWriter w = change_link(sequence, index);
  w.number<std::uint32_t>(IFLA_MTU, mtu);
  return std::move(w).finish();
}

Bytes set_master(std::uint32_t sequence, int index, int master) {
  NetlinkWriter w = change_link(sequence, index);
  w.number<std::uint32_t>(IFLA_MASTER, static_cast<std::uint32_t>(master));
  return std::move(w).finish();
}

Bytes remove(std::uint32_t sequence, int index) {
  NetlinkWriter w(RTM_DELLINK, kChange, sequence);
  w.fixed(link_header(index));
  return std::move(w).finish();
}

Bytes add_vlan(std::uint32_t sequence, const VlanSpec& vlan, int parent) {
  NetlinkWriter w(RTM_NEWLINK, kCreate, sequence);
  w.fixed(link_header(0));
  w.text(IFLA_IFNAME, vlan.name);
  w.number<std::uint32_t>(IFLA_LINK, static_cast<std::uint32_t>(parent));
  link_info(w, "vlan", [&vlan](NetlinkWriter& data) {
    data.number<std::uint16_t>(IFLA_VLAN_ID, vlan.id);
    if (vlan.service) data.number<std::uint16_t>(IFLA_VLAN_PROTOCOL, htons(ETH_P_8021AD));
  });
  return std::move(w).finish();
}

Bytes add_bond(std::uint32_t sequence, const BondSpec& bond) {
  constexpr int k8023ad = 4;  // BOND_MODE_8023AD; lacp_rate is refused in every other mode
  NetlinkWriter w(RTM_NEWLINK, kCreate, sequence);
  w.fixed(link_header(0));
  w.text(IFLA_IFNAME, bond.name);
  link_info(w, "bond", [&bond](NetlinkWriter& data) {
    data.number<std::uint8_t>(IFLA_BOND_MODE, static_cast<std::uint8_t>(bond.mode));
    data.number<std::uint32_t>(IFLA_BOND_MIIMON, static_cast<std::uint32_t>(bond.miimon));
    data.number<std::uint8_t>(IFLA_BOND_XMIT_HASH_POLICY,
                              static_cast<std::uint8_t>(bond.xmit_hash_policy));
    if (bond.mode == k8023ad) {
      data.number<std::uint8_t>(IFLA_BOND_AD_LACP_RATE, static_cast<std::uint8_t>(bond.lacp_rate));
    }
  });
  return std::move(w).finish();
}

Bytes set_primary(std::uint32_t sequence, int bond, int slave) {
  NetlinkWriter w = change_link(sequence, bond);
  link_info(w, "bond", [slave](NetlinkWriter& data) {
    data.number<std::uint32_t>(IFLA_BOND_PRIMARY, static_cast<std::uint32_t>(slave));
  });
  return std::move(w).finish();
}

Bytes add_address(std::uint32_t sequence, int index, const IpAddress& address, int prefix) {
  NetlinkWriter w(RTM_NEWADDR, kCreate, sequence);
  ifaddrmsg m{};
  m.ifa_family = static_cast<std::uint8_t>(address.family());
  m.ifa_prefixlen = static_cast<std::uint8_t>(prefix);
  m.ifa_index = static_cast<std::uint32_t>(index);
  // The address was this machine's until a moment ago: nobody else has it, and detection would
  // cost a second or more.
  m.ifa_flags = address.v6 ? IFA_F_NODAD : 0;
  w.fixed(m);
  w.attribute(IFA_LOCAL, bytes_of(address));
  w.attribute(IFA_ADDRESS, bytes_of(address));
  if (!address.v6 && prefix < 31) {
    std::array<std::uint8_t, 4> broadcast;
    for (int i = 0; i < 4; ++i) {
      const int host_bits = std::clamp(8 * (i + 1) - prefix, 0, 8);
      const auto at = static_cast<std::size_t>(i);
      broadcast[at] = static_cast<std::uint8_t>(address.bytes[at] | ((1U << host_bits) - 1));
    }
    w.attribute(IFA_BROADCAST, std::as_bytes(std::span(broadcast)));
  }
  return std::move(w).finish();
}

Bytes add_route(std::uint32_t sequence, const Route& route) {
  NetlinkWriter w(RTM_NEWROUTE, kPut, sequence);
  const bool on_link = route.gateway.unspecified();
  rtmsg m{};
  m.rtm_family = static_cast<std::uint8_t>(route.destination.family());
  m.rtm_dst_len = static_cast<std::uint8_t>(route.prefix);
  m.rtm_table = RT_TABLE_MAIN;
  m.rtm_protocol = RTPROT_BOOT;
  m.rtm_scope = on_link ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
  m.rtm_type = RTN_UNICAST;
  w.fixed(m);
  if (route.prefix > 0) w.attribute(RTA_DST, bytes_of(route.destination));
  if (!on_link) w.attribute(RTA_GATEWAY, bytes_of(route.gateway));
  w.number<std::uint32_t>(RTA_OIF, static_cast<std::uint32_t>(route.index));
  if (route.metric != 0) w.number<std::uint32_t>(RTA_PRIORITY, route.metric);
  return std::move(w).finish();
}

std::optional<Link> parse_link(const NetlinkMessage& message) {
  if (message.type != RTM_NEWLINK) return std::nullopt;
  const auto header = fixed_part<ifinfomsg>(message);
  if (!header) return std::nullopt;
  Link link;
  link.index = header->ifi_index;
  link.up = (header->ifi_flags & IFF_UP) != 0;
  link.loopback = (header->ifi_flags & IFF_LOOPBACK) != 0;
  link.ethernet = header->ifi_type == ARPHRD_ETHER;
  bool carrier = false;
  std::uint8_t operational = kOperUnknown;
  auto reader = attributes_behind<ifinfomsg>(message);
  while (auto a = reader.next()) {
    switch (a->type) {
      case IFLA_IFNAME:
        link.name = a->text();
        break;
      case IFLA_ADDRESS:
        link.mac = mac_text(a->data);
        break;
      case IFLA_MTU:
        link.mtu = a->number<std::uint32_t>().value_or(0);
        break;
      case IFLA_MASTER:
        link.master = a->number<std::int32_t>().value_or(0);
        break;
      case IFLA_LINK:
        link.parent = a->number<std::int32_t>().value_or(0);
        break;
      case IFLA_CARRIER:
        carrier = a->number<std::uint8_t>().value_or(0) != 0;
        break;
      case IFLA_OPERSTATE:
        operational = a->number<std::uint8_t>().value_or(kOperUnknown);
        break;
      case IFLA_LINKINFO:
        link.kind = kind_of(a->data);
        break;
      default:
        break;
    }
  }
  // Drivers without link detection stay "unknown" and are taken at their carrier's word.
  link.has_link = link.up && carrier && (operational == kOperUp || operational == kOperUnknown);
  return link;
}

std::optional<InterfaceAddress> parse_address(const NetlinkMessage& message) {
  if (message.type != RTM_NEWADDR) return std::nullopt;
  const auto header = fixed_part<ifaddrmsg>(message);
  if (!header || (header->ifa_family != AF_INET && header->ifa_family != AF_INET6)) {
    return std::nullopt;
  }
  InterfaceAddress found;
  found.index = static_cast<int>(header->ifa_index);
  found.prefix = header->ifa_prefixlen;
  found.address.v6 = header->ifa_family == AF_INET6;
  found.global = header->ifa_scope < RT_SCOPE_LINK;  // also the old site-local fec0::/10
  std::uint32_t flags = header->ifa_flags;
  bool have_local = false;
  bool have_address = false;
  auto reader = attributes_behind<ifaddrmsg>(message);
  while (auto a = reader.next()) {
    if (a->type == IFA_FLAGS) flags = a->number<std::uint32_t>().value_or(flags);
    if (a->type != IFA_ADDRESS && a->type != IFA_LOCAL) continue;
    if (a->data.size() != found.address.size()) continue;
    if (a->type == IFA_ADDRESS && have_local) continue;  // the peer's, on a point-to-point link
    std::memcpy(found.address.bytes.data(), a->data.data(), a->data.size());
    have_address = true;
    have_local = have_local || a->type == IFA_LOCAL;
  }
  if (!have_address) return std::nullopt;
  found.tentative = (flags & IFA_F_TENTATIVE) != 0 && (flags & IFA_F_OPTIMISTIC) == 0;
  found.duplicate = (flags & IFA_F_DADFAILED) != 0;
  return found;
}

std::optional<int> parse_error(const NetlinkMessage& message) {
  if (message.type != NLMSG_ERROR) return std::nullopt;
  const auto error = fixed_part<std::int32_t>(message);
  // 2^31 has no positive counterpart; the kernel's are -4095..0.
  if (!error || *error > 0 || *error < -4095) return EPROTO;
  return -*error;
}

}  // namespace mkcapture::init::rtnl
