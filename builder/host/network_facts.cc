#include "builder/host/network_facts.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <linux/if_addr.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <functional>

namespace mkcapture {

namespace {

using Each = std::function<void(const nlmsghdr&)>;

// Sends a request and hands out the answers; an error or the end of a dump ends it.
void ask(nlmsghdr& request, const Each& each) {
  const int fd = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (fd < 0) return;
  const bool dump = (request.nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;
  bool more = ::send(fd, &request, request.nlmsg_len, 0) >= 0;
  alignas(nlmsghdr) std::array<char, 65536> buffer;
  while (more) {
    const ssize_t n = ::recv(fd, buffer.data(), buffer.size(), 0);
    if (n <= 0) break;
    auto left = static_cast<unsigned>(n);
    for (auto* header = reinterpret_cast<nlmsghdr*>(buffer.data()); NLMSG_OK(header, left);
         header = NLMSG_NEXT(header, left)) {
      if (header->nlmsg_type == NLMSG_DONE || header->nlmsg_type == NLMSG_ERROR || !dump)
        more = false;
      if (header->nlmsg_type != NLMSG_DONE && header->nlmsg_type != NLMSG_ERROR) each(*header);
    }
  }
  ::close(fd);
}

template <class T>
struct Request {
  nlmsghdr header{};
  T message{};
  std::array<char, 64> attributes{};

  Request(std::uint16_t type, std::uint16_t flags) {
    header.nlmsg_len = NLMSG_LENGTH(sizeof(T));
    header.nlmsg_type = type;
    header.nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
  }
  void add(std::uint16_t type, const void* data, std::size_t size) {
    auto* at =
        reinterpret_cast<rtattr*>(reinterpret_cast<char*>(this) + NLMSG_ALIGN(header.nlmsg_len));
    at->rta_type = type;
    at->rta_len = static_cast<std::uint16_t>(RTA_LENGTH(size));
    std::memcpy(RTA_DATA(at), data, size);
    header.nlmsg_len = NLMSG_ALIGN(header.nlmsg_len) + RTA_ALIGN(at->rta_len);
  }
};

template <class Take>
void each_attribute(const rtattr* at, std::size_t size, Take take) {
  auto left = static_cast<int>(size);
  for (; RTA_OK(at, left); at = RTA_NEXT(at, left))
    take(static_cast<std::uint16_t>(at->rta_type & NLA_TYPE_MASK), RTA_DATA(at),
         static_cast<std::size_t>(RTA_PAYLOAD(at)));
}

template <class T>
T number(const void* data, std::size_t size) {
  T value{};
  if (size >= sizeof value) std::memcpy(&value, data, sizeof value);
  return value;
}

std::string text_of(const void* data, std::size_t size) {
  const auto* begin = static_cast<const char*>(data);
  return {begin, std::find(begin, begin + size, '\0')};
}

std::string mac_of(const void* data, std::size_t size) {
  const auto* bytes = static_cast<const std::uint8_t*>(data);
  std::string text;
  if (std::all_of(bytes, bytes + size, [](std::uint8_t b) { return b == 0; })) return text;
  for (std::size_t i = 0; i < size; ++i)
    text += fmt::format("{}{:02x}", i == 0 ? "" : ":", bytes[i]);
  return text;
}

std::string address_of(const void* data, std::size_t size) {
  char text[INET6_ADDRSTRLEN];
  if (size != 4 && size != 16) return "";
  return ::inet_ntop(size == 4 ? AF_INET : AF_INET6, data, text, sizeof text);
}

void take_link_info(const rtattr* at, std::size_t size, NetworkLink& link) {
  each_attribute(at, size, [&](std::uint16_t type, const void* data, std::size_t n) {
    if (type == IFLA_INFO_KIND) link.kind = text_of(data, n);
    // The kind comes before its data.
    if (type != IFLA_INFO_DATA || link.kind != "vlan") return;
    each_attribute(static_cast<const rtattr*>(data), n,
                   [&](std::uint16_t inner, const void* value, std::size_t length) {
                     if (inner == IFLA_VLAN_ID) link.vlan_id = number<std::uint16_t>(value, length);
                     if (inner == IFLA_VLAN_PROTOCOL)
                       link.service_vlan =
                           number<std::uint16_t>(value, length) == htons(ETH_P_8021AD);
                   });
  });
}

NetworkLink link_from(const nlmsghdr& header) {
  const auto* message = static_cast<const ifinfomsg*>(NLMSG_DATA(&header));
  NetworkLink link{.index = message->ifi_index};
  each_attribute(IFLA_RTA(message), IFLA_PAYLOAD(&header),
                 [&](std::uint16_t type, const void* data, std::size_t size) {
                   switch (type) {
                     case IFLA_IFNAME:
                       link.name = text_of(data, size);
                       break;
                     case IFLA_ADDRESS:
                       link.mac = mac_of(data, size);
                       break;
                     case IFLA_PERM_ADDRESS:
                       link.permanent_mac = mac_of(data, size);
                       break;
                     case IFLA_MTU:
                       link.mtu = number<std::uint32_t>(data, size);
                       break;
                     case IFLA_MASTER:
                       link.master = number<int>(data, size);
                       break;
                     case IFLA_LINK:
                       link.parent = number<int>(data, size);
                       break;
                     case IFLA_LINKINFO:
                       take_link_info(static_cast<const rtattr*>(data), size, link);
                       break;
                     default:
                       break;
                   }
                 });
  return link;
}

void take_address(const nlmsghdr& header, unsigned interface, std::vector<InterfaceAddress>& into) {
  const auto* message = static_cast<const ifaddrmsg*>(NLMSG_DATA(&header));
  if (message->ifa_index != interface || message->ifa_scope >= RT_SCOPE_LINK) return;
  std::uint32_t flags = message->ifa_flags;
  InterfaceAddress found;
  found.prefix = message->ifa_prefixlen;
  bool local = false;
  each_attribute(IFA_RTA(message), IFA_PAYLOAD(&header),
                 [&](std::uint16_t type, const void* data, std::size_t size) {
                   if (type == IFA_FLAGS) flags = number<std::uint32_t>(data, size);
                   // IFA_LOCAL is the own address also on point-to-point links, where IFA_ADDRESS
                   // is the peer's; IPv6 has IFA_ADDRESS alone.
                   if (type == IFA_LOCAL || (type == IFA_ADDRESS && !local))
                     found.address = address_of(data, size);
                   local = local || type == IFA_LOCAL;
                 });
  found.permanent = (flags & IFA_F_PERMANENT) != 0;
  if (!found.address.empty()) into.push_back(std::move(found));
}

}  // namespace

bool in_one_network(const std::string& one, const std::string& other, int prefix) {
  std::array<std::uint8_t, 16> a{};
  std::array<std::uint8_t, 16> b{};
  const int family = one.find(':') != std::string::npos ? AF_INET6 : AF_INET;
  if (::inet_pton(family, one.c_str(), a.data()) != 1 ||
      ::inet_pton(family, other.c_str(), b.data()) != 1)
    return false;
  for (int bit = 0; bit < prefix && bit < 128; ++bit)
    if (((a[bit / 8] ^ b[bit / 8]) >> (7 - bit % 8) & 1) != 0) return false;
  return true;
}

std::vector<NetworkLink> network_links() {
  std::vector<NetworkLink> links;
  Request<ifinfomsg> request(RTM_GETLINK, NLM_F_DUMP);
  ask(request.header, [&](const nlmsghdr& header) {
    if (header.nlmsg_type == RTM_NEWLINK) links.push_back(link_from(header));
  });
  return links;
}

std::vector<InterfaceAddress> interface_addresses(const std::string& interface) {
  std::vector<InterfaceAddress> found;
  const unsigned index = ::if_nametoindex(interface.c_str());
  if (index == 0) return found;
  Request<ifaddrmsg> request(RTM_GETADDR, NLM_F_DUMP);
  ask(request.header, [&](const nlmsghdr& header) {
    if (header.nlmsg_type == RTM_NEWADDR) take_address(header, index, found);
  });
  return found;
}

std::optional<NetworkRoute> network_route(const std::string& address) {
  std::array<std::uint8_t, 16> bytes{};
  const bool v6 = address.find(':') != std::string::npos;
  if (::inet_pton(v6 ? AF_INET6 : AF_INET, address.c_str(), bytes.data()) != 1) return std::nullopt;
  Request<rtmsg> request(RTM_GETROUTE, 0);
  request.message.rtm_family = v6 ? AF_INET6 : AF_INET;
  request.message.rtm_dst_len = v6 ? 128 : 32;
  request.add(RTA_DST, bytes.data(), v6 ? 16 : 4);
  std::optional<NetworkRoute> found;
  ask(request.header, [&](const nlmsghdr& header) {
    if (header.nlmsg_type != RTM_NEWROUTE) return;
    const auto* message = static_cast<const rtmsg*>(NLMSG_DATA(&header));
    if (message->rtm_type != RTN_UNICAST && message->rtm_type != RTN_LOCAL) return;
    NetworkRoute route;
    route.own = message->rtm_type == RTN_LOCAL;
    each_attribute(RTM_RTA(message), RTM_PAYLOAD(&header),
                   [&](std::uint16_t type, const void* data, std::size_t size) {
                     if (type == RTA_OIF) {
                       char name[IF_NAMESIZE];
                       if (::if_indextoname(number<unsigned>(data, size), name) != nullptr)
                         route.interface = name;
                     }
                     if (type == RTA_PREFSRC) route.source = address_of(data, size);
                     if (type == RTA_GATEWAY) route.gateway = address_of(data, size);
                     // An IPv4 route over an IPv6 gateway: the family, then the address.
                     if (type == RTA_VIA && size == 18)
                       route.gateway = address_of(static_cast<const char*>(data) + 2, 16);
                     if (type == RTA_METRICS)
                       each_attribute(static_cast<const rtattr*>(data), size,
                                      [&](std::uint16_t metric, const void* value, std::size_t n) {
                                        if (metric == RTAX_MTU)
                                          route.mtu = number<std::uint32_t>(value, n);
                                      });
                   });
    if (!route.interface.empty()) found = std::move(route);
  });
  return found;
}

}  // namespace mkcapture
