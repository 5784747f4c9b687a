#include "builder/host/interfaces.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "init/base/units.h"

namespace mkcapture {

namespace {

std::vector<std::string_view> words(std::string_view line) {
  std::vector<std::string_view> all;
  std::size_t at = 0;
  while ((at = line.find_first_not_of(" \t", at)) != std::string_view::npos) {
    const auto end = std::min(line.find_first_of(" \t", at), line.size());
    all.push_back(line.substr(at, end - at));
    at = end;
  }
  return all;
}

template <class Each>
void each_line(std::string_view text, Each each) {
  while (!text.empty()) {
    const auto end = text.find('\n');
    each(words(text.substr(0, end)));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
}

std::optional<std::uint64_t> hex(std::string_view text) {
  const auto number = parse_number(text, 16);
  return number ? std::optional(*number) : std::nullopt;
}

constexpr std::uint64_t kRouteUp = 1, kRouteReject = 0x200;  // RTF_UP, RTF_REJECT: linux/route.h

struct Route {
  std::string interface;
  std::string gateway;
  int prefix = -1;
  std::uint64_t metric = 0;
  void take_if_better(const Route& other) {
    if (other.prefix > prefix || (other.prefix == prefix && other.metric < metric)) *this = other;
  }
};

// /proc/net/route has addresses as the host's words in hex: the bytes in memory are network order.
std::optional<Route> ipv4_route(std::string_view table, const std::string& ipv4) {
  in_addr wanted;
  if (::inet_pton(AF_INET, ipv4.c_str(), &wanted) != 1) return std::nullopt;
  Route best;
  each_line(table, [&](const std::vector<std::string_view>& f) {
    if (f.size() < 8) return;
    const auto destination = hex(f[1]), gateway = hex(f[2]), flags = hex(f[3]), mask = hex(f[7]);
    const auto metric = parse_number(f[6]);
    if (!destination || !gateway || !flags || !mask || !metric) return;
    if ((*flags & kRouteUp) == 0 || (*flags & kRouteReject) != 0 || f[0] == "lo") return;
    if ((wanted.s_addr & static_cast<std::uint32_t>(*mask)) != *destination) return;
    char text[INET_ADDRSTRLEN];
    in_addr address{static_cast<in_addr_t>(*gateway)};
    best.take_if_better({std::string(f[0]),
                         *gateway == 0 ? "" : ::inet_ntop(AF_INET, &address, text, sizeof text),
                         __builtin_popcount(static_cast<std::uint32_t>(*mask)), *metric});
  });
  if (best.prefix < 0) return std::nullopt;
  return best;
}

bool same_bits(const std::array<std::uint8_t, 16>& a, const std::uint8_t* b, int bits) {
  for (int i = 0; i < bits; ++i)
    if (((a[i / 8] ^ b[i / 8]) >> (7 - i % 8) & 1) != 0) return false;
  return true;
}

// "Name" of a driverless interface's kind (DEVTYPE in uevent), for errors.
std::string kind_of(Host& host, const std::string& folder) {
  if (host.exists(folder + "/tun_flags")) return "a tap or tunnel device";
  const auto uevent = host.read_file(folder + "/uevent");
  if (uevent)
    if (const auto at = uevent->find("DEVTYPE="); at != std::string::npos)
      return fmt::format("a {} device", uevent->substr(at + 8, uevent->find('\n', at) - at - 8));
  return "a virtual device";
}

std::optional<Nic> nic_named(Host& host, const std::string& name) {
  const std::string folder = "/sys/class/net/" + name;
  const auto device = host.real_path(folder + "/device");
  if (!device) return std::nullopt;
  Nic nic{name, fact(host, folder + "/bonding_slave/perm_hwaddr"), drivers_above(host, *device)};
  if (nic.mac.empty()) nic.mac = fact(host, folder + "/address");
  return nic;
}

// The interfaces that `folder` is built on: links lower_NAME.
std::vector<std::string> lower_interfaces(Host& host, const std::string& folder) {
  std::vector<std::string> lower;
  if (const auto names = host.list_dir(folder))
    for (const auto& name : *names)
      if (name.starts_with("lower_")) lower.push_back(name.substr(6));
  return lower;
}

// "active-backup 1" -> 1
int second_number(const std::string& text, int otherwise) {
  const auto space = text.find(' ');
  const auto number =
      space == std::string::npos ? parse_number(text) : parse_number(text.substr(space + 1));
  return number && *number < 1000000 ? static_cast<int>(*number) : otherwise;
}

BondSpec bond_from_sys(Host& host, const std::string& name) {
  const std::string folder = "/sys/class/net/" + name + "/bonding/";
  BondSpec bond;
  bond.name = name;
  bond.mode = second_number(fact(host, folder + "mode"), bond.mode);
  bond.miimon = second_number(fact(host, folder + "miimon"), bond.miimon);
  if (bond.miimon == 0) bond.miimon = 100;  // ARP monitoring: links are watched instead
  bond.lacp_rate = second_number(fact(host, folder + "lacp_rate"), bond.lacp_rate);
  const int policy = second_number(fact(host, folder + "xmit_hash_policy"), 0);
  bond.xmit_hash_policy = policy <= 2 ? policy : 0;
  return bond;
}

InterfaceName by_mac(const Nic& nic) {
  return {"", nic.mac};
}

// Takes `name` apart into `stack`; returns what the layer above must call it.
InterfaceName take_apart(Host& host, const std::string& name, LinkStack& stack, int depth) {
  const std::string folder = "/sys/class/net/" + name;
  if (auto nic = nic_named(host, name)) {
    stack.nics.push_back(*nic);
    return by_mac(stack.nics.back());
  }
  const auto lower = lower_interfaces(host, folder);
  constexpr int kDeepest = 4;  // VLAN on bridge on bond on card
  if (depth >= kDeepest || lower.empty()) {
    stack.unsupported = fmt::format("{} is {}", name, kind_of(host, folder));
    return {name, ""};
  }
  if (host.exists(folder + "/bonding")) {
    auto bond = bond_from_sys(host, name);
    for (const auto& slave : lower)
      bond.slaves.push_back(take_apart(host, slave, stack, depth + 1));
    stack.bond = bond;
    return {name, ""};
  }
  if (const std::string text = fact(host, "/proc/net/vlan/" + name); !text.empty()) {
    VlanSpec vlan;
    const auto at = text.find("VID: ");
    const int id = at == std::string::npos ? 0 : std::atoi(text.c_str() + at + 5);
    vlan.id = static_cast<std::uint16_t>(id);
    vlan.parent = take_apart(host, lower.front(), stack, depth + 1);
    vlan.name = fmt::format("vlan{}", id);  // its name must end in the id for vlan=
    stack.vlan = vlan;
    return {vlan.name, ""};
  }
  if (host.exists(folder + "/bridge")) {
    // A bridge of virtual machines and one way out: the way out alone reaches the same network.
    for (const auto& port : lower) {
      LinkStack below;
      const InterfaceName top = take_apart(host, port, below, depth + 1);
      if (!below.unsupported.empty()) continue;
      const bool vlan_kept = stack.vlan.has_value();
      stack.nics.insert(stack.nics.end(), below.nics.begin(), below.nics.end());
      stack.bond = below.bond;
      if (!vlan_kept) stack.vlan = below.vlan;
      return top;
    }
  }
  stack.unsupported = fmt::format("{} is {}", name, kind_of(host, folder));
  return {name, ""};
}

}  // namespace

std::optional<std::string> route_in_table(std::string_view table, const std::string& ipv4) {
  const auto route = ipv4_route(table, ipv4);
  return route ? std::optional(route->interface) : std::nullopt;
}

// Destination, prefix length in hex, source, source prefix, next hop, metric, ref, use, flags,
// name.
std::optional<std::string> route_in_table6(std::string_view table, const std::string& ipv6) {
  std::array<std::uint8_t, 16> wanted;
  if (::inet_pton(AF_INET6, ipv6.c_str(), wanted.data()) != 1) return std::nullopt;
  Route best;
  each_line(table, [&](const std::vector<std::string_view>& f) {
    if (f.size() < 10 || f[0].size() != 32) return;
    const auto prefix = hex(f[1]), metric = hex(f[5]), flags = hex(f[8]);
    if (!prefix || *prefix > 128 || !metric || !flags) return;
    if ((*flags & kRouteUp) == 0 || (*flags & kRouteReject) != 0 || f[9] == "lo") return;
    std::uint8_t destination[16];
    for (std::size_t i = 0; i < 16; ++i) {
      const auto byte = hex(f[0].substr(2 * i, 2));
      if (!byte) return;
      destination[i] = static_cast<std::uint8_t>(*byte);
    }
    if (same_bits(wanted, destination, static_cast<int>(*prefix)))
      best.take_if_better({std::string(f[9]), "", static_cast<int>(*prefix), *metric});
  });
  if (best.prefix < 0) return std::nullopt;
  return best.interface;
}

std::optional<std::string> route_to(Host& host, const std::string& address) {
  if (address.find(':') != std::string::npos) {
    const auto table = host.read_file("/proc/net/ipv6_route");
    return table ? route_in_table6(*table, address) : std::nullopt;
  }
  const auto table = host.read_file("/proc/net/route");
  return table ? route_in_table(*table, address) : std::nullopt;
}

std::string gateway_to(Host& host, const std::string& address) {
  const auto table = host.read_file("/proc/net/route");
  const auto route = table ? ipv4_route(*table, address) : std::nullopt;
  return route ? route->gateway : "";
}

std::optional<Nic> find_nic(Host& host, const InterfaceName& wanted) {
  if (!wanted.name.empty()) return nic_named(host, wanted.name);
  const auto names = host.list_dir("/sys/class/net");
  if (!names || wanted.mac.empty()) return std::nullopt;
  for (const auto& name : *names)
    if (auto nic = nic_named(host, name); nic && nic->mac == wanted.mac) return nic;
  return std::nullopt;
}

LinkStack link_stack(Host& host, const std::string& interface) {
  LinkStack stack;
  const InterfaceName top = take_apart(host, interface, stack, 0);
  stack.top = to_string(top);
  return stack;
}

}  // namespace mkcapture
