#include "builder/host/addresses.h"

#include <arpa/inet.h>
#include <linux/if_addr.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

namespace mkcapture {

namespace {

void take_address(const nlmsghdr* header, unsigned interface, std::vector<InterfaceAddress>& into) {
  const auto* message = static_cast<const ifaddrmsg*>(NLMSG_DATA(header));
  if (message->ifa_index != interface || message->ifa_family != AF_INET ||
      message->ifa_scope >= RT_SCOPE_LINK)
    return;
  std::uint32_t flags = message->ifa_flags;
  InterfaceAddress found;
  found.prefix = message->ifa_prefixlen;
  auto left = static_cast<unsigned>(IFA_PAYLOAD(header));
  for (const rtattr* at = IFA_RTA(message); RTA_OK(at, left); at = RTA_NEXT(at, left)) {
    char text[INET_ADDRSTRLEN];
    // IFA_LOCAL is the own address also on point-to-point links, where IFA_ADDRESS is the peer's.
    if (at->rta_type == IFA_LOCAL && RTA_PAYLOAD(at) >= sizeof(in_addr))
      found.address = ::inet_ntop(AF_INET, RTA_DATA(at), text, sizeof text);
    if (at->rta_type == IFA_FLAGS && RTA_PAYLOAD(at) >= sizeof flags)
      flags = *static_cast<const std::uint32_t*>(RTA_DATA(at));
  }
  found.permanent = (flags & IFA_F_PERMANENT) != 0 && (flags & IFA_F_SECONDARY) == 0;
  if (!found.address.empty()) into.push_back(std::move(found));
}

}  // namespace

std::vector<InterfaceAddress> interface_addresses(const std::string& interface) {
  std::vector<InterfaceAddress> found;
  const unsigned index = ::if_nametoindex(interface.c_str());
  const int fd = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (index == 0 || fd < 0) {
    if (fd >= 0) ::close(fd);
    return found;
  }
  struct {
    nlmsghdr header{};
    ifaddrmsg message{};
  } request;
  request.header.nlmsg_len = NLMSG_LENGTH(sizeof(ifaddrmsg));
  request.header.nlmsg_type = RTM_GETADDR;
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  request.message.ifa_family = AF_INET;
  bool more = ::send(fd, &request, request.header.nlmsg_len, 0) >= 0;
  alignas(nlmsghdr) char buffer[32768];
  while (more) {
    const ssize_t n = ::recv(fd, buffer, sizeof buffer, 0);
    if (n <= 0) break;
    auto left = static_cast<unsigned>(n);
    for (auto* header = reinterpret_cast<nlmsghdr*>(buffer); NLMSG_OK(header, left);
         header = NLMSG_NEXT(header, left)) {
      if (header->nlmsg_type == NLMSG_DONE || header->nlmsg_type == NLMSG_ERROR) more = false;
      if (header->nlmsg_type == RTM_NEWADDR) take_address(header, index, found);
    }
  }
  ::close(fd);
  return found;
}

}  // namespace mkcapture
