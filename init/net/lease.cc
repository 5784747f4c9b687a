// What udhcpc tells about a lease, as a value. The text is untrusted: it comes from the network.
#include <algorithm>
#include <bit>

#include "init/base/units.h"
#include "init/net/dhcp.h"

namespace mkcapture::init {
namespace {

constexpr std::size_t kMaxDns = 3;  // musl reads no more
constexpr std::size_t kMaxRouters = 4;
constexpr std::size_t kMaxStaticRoutes = 32;
constexpr std::size_t kMaxDomain = 253;

/// Cuts the part before the first `separator` off `rest`.
std::string_view cut(std::string_view& rest, char separator) {
  const std::size_t end = std::min(rest.find(separator), rest.size());
  const std::string_view part = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return part;
}

std::optional<IpAddress> ipv4(std::string_view text) {
  auto a = parse_ip_address(text);
  if (!a || a->v6) return std::nullopt;
  return a;
}

std::optional<std::uint32_t> number(std::string_view text, std::uint64_t low, std::uint64_t high) {
  auto n = parse_number(text);
  if (!n || *n < low || *n > high) return std::nullopt;
  return static_cast<std::uint32_t>(*n);
}

/// A mask as "24" or "255.255.255.0"; nothing where its ones are not all at the front.
std::optional<int> mask_prefix(std::string_view text) {
  if (const auto n = number(text, 1, 32)) return static_cast<int>(*n);
  const auto mask = ipv4(text);
  if (!mask) return std::nullopt;
  std::uint32_t bits = 0;
  for (int i = 0; i < 4; ++i)
    bits = bits << 8 | mask->bytes[static_cast<std::size_t>(i)];
  const int ones = std::countl_one(bits);
  if (ones == 0 || std::popcount(bits) != ones) return std::nullopt;
  return ones;
}

void add_addresses(std::string_view text, std::size_t most, std::vector<IpAddress>& to) {
  while (!text.empty() && to.size() < most) {
    const auto a = ipv4(cut(text, ' '));
    if (a && !a->unusable()) to.push_back(*a);
  }
}

/// "NET/PREFIX ROUTER NET/PREFIX ROUTER ..."
void add_static_routes(std::string_view text, std::vector<StaticRoute>& to) {
  while (!text.empty() && to.size() < kMaxStaticRoutes) {
    std::string_view net = cut(text, ' ');
    const auto router = ipv4(cut(text, ' '));
    const auto destination = ipv4(cut(net, '/'));
    const auto prefix = number(net, 0, 32);
    if (!destination || !prefix || !router) continue;
    if (!router->unspecified() && router->unusable()) continue;
    to.push_back({*destination, static_cast<int>(*prefix), *router});
  }
}

bool valid_domain(std::string_view text) {
  return !text.empty() && text.size() <= kMaxDomain && text.front() != '-' && text.front() != '.' &&
         std::ranges::all_of(text, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '-' || c == '.';
         });
}

template <class T, class Text>
std::string joined(const std::vector<T>& items, Text text) {
  std::string all;
  for (const T& item : items) {
    if (!all.empty()) all += ' ';
    all += text(item);
  }
  return all;
}

}  // namespace

Result<DhcpLease> parse_lease(std::string_view text) {
  if (text.size() > kMaxLeaseBytes) return fail("DHCP lease: more than 4096 bytes");
  DhcpLease lease;
  std::optional<IpAddress> address;
  std::optional<int> prefix;
  while (!text.empty()) {
    std::string_view value = cut(text, '\n');
    const std::string_view key = cut(value, '=');
    if (key == "ip") address = ipv4(value);
    if (key == "mask" || key == "subnet") prefix = prefix ? prefix : mask_prefix(value);
    if (key == "router") add_addresses(value, kMaxRouters, lease.routers);
    if (key == "dns") add_addresses(value, kMaxDns, lease.dns);
    if (key == "staticroutes") add_static_routes(value, lease.static_routes);
    if (key == "domain" && valid_domain(value)) lease.domain = value;
    if (key == "mtu") lease.mtu = number(value, 576, 65535).value_or(0);
    if (key == "lease") lease.seconds = number(value, 0, 0xffffffff).value_or(0);
  }
  if (!address) return fail("DHCP lease: no address in it");
  if (address->unusable()) {
    return fail("DHCP lease: " + to_string(*address) + " is no address for an interface");
  }
  lease.address = *address;
  lease.prefix = prefix.value_or(24);
  return lease;
}

std::string format_lease(const DhcpLease& lease) {
  const auto address_text = [](const IpAddress& a) { return to_string(a); };
  std::string text = "ip=" + to_string(lease.address);
  text += "\nmask=" + std::to_string(lease.prefix);
  text += "\nrouter=" + joined(lease.routers, address_text);
  text += "\nstaticroutes=" + joined(lease.static_routes, [](const StaticRoute& r) {
            return to_string(r.destination) + "/" + std::to_string(r.prefix) + " " +
                   to_string(r.router);
          });
  text += "\ndns=" + joined(lease.dns, address_text);
  text += "\ndomain=" + lease.domain;
  text += "\nmtu=" + std::to_string(lease.mtu);
  text += "\nlease=" + std::to_string(lease.seconds) + "\n";
  return text;
}

bool valid_interface_name(std::string_view name) {
  // dev_valid_name() in net/core/dev.c, and no control characters.
  return !name.empty() && name.size() <= 15 && name != "." && name != ".." &&
         std::ranges::all_of(name,
                             [](char c) { return c > ' ' && c < 0x7f && c != '/' && c != ':'; });
}

std::string lease_path(const std::string& interface) {
  return "/run/dhcp." + interface;
}

}  // namespace mkcapture::init
