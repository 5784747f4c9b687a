#include <doctest/doctest.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <bit>
#include <cerrno>

#include "init/net/netlink.h"
#include "init/net/rtnl_messages.h"

using namespace mkcapture;
using namespace mkcapture::init;

namespace {

std::string hex(std::span<const std::byte> bytes) {
  std::string text;
  for (const std::byte b : bytes) {
    constexpr char kDigits[] = "0123456789abcdef";
    text += kDigits[std::to_integer<int>(b) >> 4];
    text += kDigits[std::to_integer<int>(b) & 15];
  }
  return text;
}

IpAddress ip(std::string_view text) {
  return *parse_ip_address(text);
}

/// What an RTM_NEWLINK message of the kernel looks like, made with the writer.
std::vector<std::byte> link_message(unsigned flags, bool carrier, std::uint8_t state) {
  NetlinkWriter w(RTM_NEWLINK, 0, 7);
  ifinfomsg m{};
  m.ifi_index = 3;
  m.ifi_type = 1;  // ARPHRD_ETHER
  m.ifi_flags = flags;
  w.fixed(m);
  w.text(IFLA_IFNAME, "eth0");
  const std::uint8_t mac[] = {0x52, 0x54, 0, 0xaa, 0xbb, 0xcc};
  w.attribute(IFLA_ADDRESS, std::as_bytes(std::span(mac)));
  w.number<std::uint8_t>(IFLA_CARRIER, carrier ? 1 : 0);
  w.number<std::uint8_t>(IFLA_OPERSTATE, state);
  const auto info = w.begin(IFLA_LINKINFO);
  w.text(IFLA_INFO_KIND, "bond");
  w.end(info);
  return std::move(w).finish();
}

Link parsed_link(const std::vector<std::byte>& bytes) {
  NetlinkReader reader(bytes);
  return *rtnl::parse_link(*reader.next());
}

}  // namespace

TEST_CASE("netlink: requests are the bytes that the kernel's headers define") {
  if constexpr (std::endian::native == std::endian::little) {
    // header: length 32, RTM_NEWLINK 16, REQUEST|ACK 5, sequence 1; ifinfomsg with index 2, IFF_UP.
    CHECK(hex(rtnl::set_up(1, 2, true)) ==
          "2000000010000500010000000000000000000000020000000100000001000000");
    // VLAN: REQUEST|ACK|CREATE|EXCL 0x605, IFNAME, LINK, LINKINFO{KIND "vlan", DATA{ID 5}}
    CHECK(hex(rtnl::add_vlan(2, {"vlan5", 5, {}}, 3)) ==
          "50000000100005060200000000000000"
          "00000000000000000000000000000000"
          "0a000300766c616e350000000800050003000000"
          "1c00120009000100766c616e000000000c0002000600010005000000");
    // 10.0.2.15/24: IFA_LOCAL, IFA_ADDRESS, IFA_BROADCAST 10.0.2.255
    CHECK(hex(rtnl::add_address(3, 2, ip("10.0.2.15"), 24)) ==
          "30000000140005060300000000000000"
          "0218000002000000"
          "080002000a00020f080001000a00020f080004000a0002ff");
    // default route by 10.0.2.2 on 2: REQUEST|ACK|CREATE|REPLACE 0x505, table main 254, protocol
    // boot 3, unicast 1
    CHECK(hex(rtnl::add_route(4, {IpAddress{}, 0, ip("10.0.2.2"), 2})) ==
          "2c000000180005050400000000000000"
          "02000000fe03000100000000"
          "080005000a0002020800040002000000");
    // with a metric of 7
    CHECK(hex(rtnl::add_route(4, {IpAddress{}, 0, ip("10.0.2.2"), 2, 7})) ==
          "34000000180005050400000000000000"
          "02000000fe03000100000000"
          "080005000a00020208000400020000000800060007000000");
    // a provider's VLAN: {ID 5, PROTOCOL 0x88a8 in network order}
    CHECK(hex(rtnl::add_vlan(2, {"vlan5", 5, {}, true}, 3))
              .ends_with("14000200060001000500000006000500"
                         "88a80000"));
  }
}

TEST_CASE("netlink: a link's state is its carrier and RFC 2863 state") {
  const unsigned up = 1;
  Link link = parsed_link(link_message(up, true, 6));
  CHECK(link.index == 3);
  CHECK(link.name == "eth0");
  CHECK(link.mac == "52:54:00:aa:bb:cc");
  CHECK(link.kind == "bond");
  CHECK(link.ethernet);
  CHECK(link.has_link);
  CHECK(parsed_link(link_message(up, true, 0)).has_link);         // "unknown": no detection
  CHECK_FALSE(parsed_link(link_message(up, false, 6)).has_link);  // no carrier
  CHECK_FALSE(parsed_link(link_message(up, true, 5)).has_link);   // dormant
  CHECK_FALSE(parsed_link(link_message(0, true, 6)).has_link);    // down
}

TEST_CASE("netlink: an IPv6 address is usable once detection is over") {
  const auto address_with = [](std::uint32_t flags) {
    NetlinkWriter w(RTM_NEWADDR, 0, 1);
    ifaddrmsg m{};
    m.ifa_family = AF_INET6;
    m.ifa_prefixlen = 64;
    m.ifa_index = 2;
    w.fixed(m);
    w.attribute(IFA_ADDRESS, std::as_bytes(ip("fd00::2").span()));
    w.number<std::uint32_t>(IFA_FLAGS, flags);
    const auto bytes = std::move(w).finish();
    NetlinkReader reader(bytes);
    return *rtnl::parse_address(*reader.next());
  };
  CHECK(address_with(0).address == ip("fd00::2"));
  CHECK(address_with(0).prefix == 64);
  CHECK(address_with(0).global);
  CHECK_FALSE(address_with(0).tentative);
  CHECK(address_with(IFA_F_TENTATIVE).tentative);
  CHECK_FALSE(address_with(IFA_F_TENTATIVE | IFA_F_OPTIMISTIC).tentative);
  CHECK(address_with(IFA_F_DADFAILED).duplicate);
}

TEST_CASE("netlink: hostile bytes end the walk") {
  auto good = link_message(1, true, 6);
  CHECK_FALSE(NetlinkReader({}).next());
  for (std::size_t size = 0; size < good.size(); ++size) {
    NetlinkReader cut(std::span(good).first(size));
    CHECK_FALSE(cut.next());
  }
  auto tiny = good;
  tiny[0] = std::byte{15};  // shorter than its own header
  tiny[1] = std::byte{0};
  CHECK_FALSE(NetlinkReader(tiny).next());

  // An attribute that claims more than there is, and one that claims less than its header.
  const std::uint8_t over[] = {0xff, 0xff, 3, 0, 'e', 't', 'h', '0'};
  CHECK_FALSE(AttributeReader(std::as_bytes(std::span(over))).next());
  const std::uint8_t under[] = {3, 0, 3, 0, 0, 0, 0, 0};
  CHECK_FALSE(AttributeReader(std::as_bytes(std::span(under))).next());

  NetlinkMessage short_error{NLMSG_ERROR, 0, 1, std::span(good).first(2)};
  CHECK(rtnl::parse_error(short_error) == EPROTO);
}

TEST_CASE("netlink: errors and acknowledgements") {
  const auto error = [](std::int32_t value) {
    NetlinkWriter w(NLMSG_ERROR, 0, 1);
    w.fixed(value);
    const auto bytes = std::move(w).finish();
    NetlinkReader reader(bytes);
    return rtnl::parse_error(*reader.next());
  };
  CHECK(error(0) == 0);
  CHECK(error(-EEXIST) == EEXIST);
  CHECK(error(INT32_MIN) == EPROTO);
  CHECK(error(1) == EPROTO);
}

TEST_CASE("addresses: numeric forms, subnets") {
  CHECK(parse_ip_address("10.0.2.15"));
  CHECK(parse_ip_address("fd00::1")->v6);
  CHECK_FALSE(parse_ip_address("10.0.2"));
  CHECK_FALSE(parse_ip_address("010.0.2.1000"));
  CHECK_FALSE(parse_ip_address("fd00::1%eth0"));
  CHECK_FALSE(parse_ip_address(std::string_view("10.0.2.2\0x", 10)));
  CHECK_FALSE(parse_ip_address(""));
  CHECK(to_string(ip("fd00:0::0:1")) == "fd00::1");
  CHECK(same_subnet(ip("10.0.2.15"), ip("10.0.2.2"), 24));
  CHECK(same_subnet(ip("10.0.2.1"), ip("10.0.2.14"), 28));
  CHECK_FALSE(same_subnet(ip("10.0.2.1"), ip("10.0.2.17"), 28));
  CHECK_FALSE(same_subnet(ip("10.0.2.15"), ip("10.0.2.2"), 32));
  CHECK_FALSE(same_subnet(ip("10.0.2.15"), ip("fd00::1"), 8));
  CHECK(ip("fe80::1").link_local());
  CHECK(ip("224.0.0.1").unusable());
  CHECK(ip("::1").unusable());
  CHECK_FALSE(ip("192.168.1.1").unusable());
}
