#include <doctest/doctest.h>

#include "init/net/dhcp.h"

using namespace mkcapture;
using namespace mkcapture::init;

namespace {
IpAddress ip(std::string_view text) {
  return *parse_ip_address(text);
}
}  // namespace

TEST_CASE("lease: what udhcpc hands over") {
  const auto lease = parse_lease(
      "ip=10.0.2.15\nmask=24\nsubnet=255.255.255.0\nrouter=10.0.2.2 10.0.2.3\n"
      "dns=10.0.2.3\ndomain=lab.example\nmtu=1460\nlease=86400\nsiaddr=10.0.2.2\n");
  REQUIRE(lease);
  CHECK(lease->address == ip("10.0.2.15"));
  CHECK(lease->prefix == 24);
  CHECK(lease->routers == std::vector{ip("10.0.2.2"), ip("10.0.2.3")});
  CHECK(lease->dns == std::vector{ip("10.0.2.3")});
  CHECK(lease->domain == "lab.example");
  CHECK(lease->mtu == 1460);
  CHECK(lease->seconds == 86400);
  const auto again = parse_lease(format_lease(*lease));
  REQUIRE(again);
  CHECK(*again == *lease);
}

TEST_CASE("lease: classless routes") {
  const auto lease = parse_lease(
      "ip=10.1.1.5\nsubnet=255.255.255.255\n"
      "staticroutes=10.1.1.1/32 0.0.0.0 0.0.0.0/0 10.1.1.1 10.2.0.0/40 10.1.1.1 bad\n");
  REQUIRE(lease);
  CHECK(lease->prefix == 32);
  REQUIRE(lease->static_routes.size() == 2);
  CHECK(lease->static_routes[0] == StaticRoute{ip("10.1.1.1"), 32, ip("0.0.0.0")});
  CHECK(lease->static_routes[1] == StaticRoute{ip("0.0.0.0"), 0, ip("10.1.1.1")});
  CHECK(*parse_lease(format_lease(*lease)) == *lease);
}

TEST_CASE("lease: an unusable address is an error, other nonsense is left out") {
  CHECK_FALSE(parse_lease(""));
  CHECK_FALSE(parse_lease("mask=24\n"));
  CHECK_FALSE(parse_lease("ip=fd00::1\n"));
  CHECK_FALSE(parse_lease("ip=127.0.0.1\n"));
  CHECK_FALSE(parse_lease("ip=224.0.0.5\n"));
  CHECK_FALSE(parse_lease("ip=0.0.0.0\n"));
  CHECK_FALSE(parse_lease("ip=10.0.0.1\nx=" + std::string(5000, 'a')));

  const auto lease = parse_lease(
      "ip=10.0.0.1\nmask=99\nsubnet=255.0.255.0\nrouter=$(reboot) 10.0.0.2\n"
      "dns=1.1.1.1 2.2.2.2 3.3.3.3 4.4.4.4\ndomain=a b\nmtu=12\nlease=-1\n");
  REQUIRE(lease);
  CHECK(lease->prefix == 24);
  CHECK(lease->routers == std::vector{ip("10.0.0.2")});
  CHECK(lease->dns.size() == 3);
  CHECK(lease->domain.empty());
  CHECK(lease->mtu == 0);
  CHECK(lease->seconds == 0);
}

TEST_CASE("lease: interface names are safe in a path") {
  CHECK(valid_interface_name("enp0s3.100"));
  for (const char* bad :
       {"", ".", "..", "../../etc/x", "a b", "name-of-16-chars", "eth0:1", "e\n"}) {
    CHECK_FALSE(valid_interface_name(bad));
  }
}

TEST_CASE("dhcp-event: bad calls are refused, other events ignored") {
  char name[] = "dhcp-event";
  char bound[] = "bound";
  char deconfig[] = "deconfig";
  char evil[] = "interface=../x";
  char address[] = "ip=10.0.0.1";
  char* only_name[] = {name, nullptr};
  char* as_bound[] = {name, bound, nullptr};
  char* as_deconfig[] = {name, deconfig, nullptr};
  char* none[] = {nullptr};
  char* bad_interface[] = {evil, address, nullptr};
  CHECK(dhcp_event_main(1, only_name, none) == 2);
  CHECK(dhcp_event_main(2, as_deconfig, none) == 0);
  CHECK(dhcp_event_main(2, as_bound, none) == 1);
  CHECK(dhcp_event_main(2, as_bound, bad_interface) == 1);
}
