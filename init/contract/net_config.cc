#include "init/contract/net_config.h"

#include <arpa/inet.h>

#include "init/base/text.h"
#include "init/base/units.h"

namespace mkcapture {
namespace {

constexpr std::size_t kMaxSpecBytes = 1024;
constexpr std::size_t kMaxInterfaceName = 15;  // IFNAMSIZ - 1, linux/if.h
constexpr std::uint64_t kMaxVlanId = 4094;     // 0 and 4095 are reserved by IEEE 802.1Q

Error bad(std::string_view what, std::string_view text, std::string_view why) {
  return fail(std::string(what) + "'" + std::string(text.substr(0, 200)) +
              "': " + std::string(why));
}

// As dev_valid_name() of net/core/dev.c, and plain ASCII.
bool is_interface_name(std::string_view text) {
  if (text.empty() || text.size() > kMaxInterfaceName || text == "." || text == "..") return false;
  return all_of(text, [](char c) {
    return c > ' ' && c < 0x7f && c != '/' && c != ':' && c != ',' && c != '[' && c != ']';
  });
}

/// Pairs of hexadecimal digits with dashes: 6 bytes of Ethernet, 8 of an EUI-64, 20 of InfiniBand.
bool is_mac(std::string_view text) {
  const auto bytes = split(text, '-');
  if (bytes.size() != 6 && bytes.size() != 8 && bytes.size() != 20) return false;
  for (const auto byte : bytes) {
    if (byte.size() != 2 || !all_of(byte, is_hex)) return false;
  }
  return true;
}

bool is_v4(std::string_view text) {
  in_addr address;
  return inet_pton(AF_INET, std::string(text).c_str(), &address) == 1;
}
bool is_v6(std::string_view text) {
  in6_addr address;
  return inet_pton(AF_INET6, std::string(text).c_str(), &address) == 1;
}
bool is_address(std::string_view text) {
  return is_v4(text) || is_v6(text);
}

/// What goes between the colons of ip= again: IPv6 gets its brackets.
std::string bracketed(const std::string& text) {
  return text.find(':') == std::string::npos ? text : "[" + text + "]";
}

/// The fields of an ip= text; a field in brackets may contain ':' and loses the brackets.
Result<std::vector<std::string>> ip_fields(std::string_view text) {
  std::vector<std::string> fields;
  for (;;) {
    if (consume(text, "[")) {
      const auto end = text.find(']');
      if (end == std::string_view::npos) return fail("a ']' is missing");
      const auto address = text.substr(0, end);
      text.remove_prefix(end + 1);
      if (!is_v6(address)) return fail("'" + std::string(address) + "' is no IPv6 address");
      if (!text.empty() && text.front() != ':') return fail("a ':' must follow ']'");
      fields.emplace_back(address);
    } else {
      const auto field = text.substr(0, text.find(':'));
      text.remove_prefix(field.size());
      fields.emplace_back(field);
    }
    if (!consume(text, ":")) return fields;
  }
}

/// The rule that the kernel applies where no mask is given (ipconfig.c): the address's class.
int class_prefix(std::string_view v4) {
  in_addr address{};
  inet_pton(AF_INET, std::string(v4).c_str(), &address);
  const std::uint32_t host_order = ntohl(address.s_addr);
  if ((host_order >> 31) == 0) return 8;
  if ((host_order >> 30) == 2) return 16;
  return 24;
}

/// "255.255.255.0" or "24"; -1 where it is neither.
int parse_prefix(std::string_view text, bool v6) {
  if (!v6 && text.find('.') != std::string_view::npos) {
    in_addr mask{};
    if (inet_pton(AF_INET, std::string(text).c_str(), &mask) != 1) return -1;
    const std::uint32_t host_bits = ~ntohl(mask.s_addr);
    if ((host_bits & (host_bits + 1)) != 0) return -1;  // ones and zeros mixed
    int prefix = 32;
    for (std::uint32_t bits = host_bits; bits != 0; bits >>= 1)
      --prefix;
    return prefix;
  }
  const auto number = parse_number(text);
  if (!number || *number > (v6 ? 128u : 32u)) return -1;
  return static_cast<int>(*number);
}

enum class MethodWord { kNone, kDhcp, kAny, kAuto6, kOff, kUnsupported };

MethodWord method_word(std::string_view text) {
  if (text == "dhcp") return MethodWord::kDhcp;
  if (text == "on" || text == "any") return MethodWord::kAny;
  if (text == "auto6") return MethodWord::kAuto6;
  if (text == "off" || text == "none" || text == "static") return MethodWord::kOff;
  if (text == "bootp" || text == "rarp" || text == "both" || text == "dhcp6" || text == "either6" ||
      text == "link6" || text == "ibft") {
    return MethodWord::kUnsupported;
  }
  return MethodWord::kNone;
}

/// Fields 1 to 4 of a static configuration.
Status parse_static(const std::vector<std::string>& fields, IpSpec& ip) {
  ip.method = IpSpec::Method::kStatic;
  ip.address = fields[0];
  if (!is_address(ip.address)) return fail("'" + ip.address + "' is no address");
  const bool v6 = is_v6(ip.address);
  ip.gateway = fields[2];
  if (!ip.gateway.empty() && !(v6 ? is_v6(ip.gateway) : is_v4(ip.gateway))) {
    return fail("the gateway '" + ip.gateway + "' is no address of the client's kind");
  }
  if (fields[3].empty()) {
    ip.prefix = v6 ? 64 : class_prefix(ip.address);
  } else {
    ip.prefix = parse_prefix(fields[3], v6);
    if (ip.prefix < 0) return fail("the mask '" + fields[3] + "' is no mask or prefix length");
  }
  return {};
}

Result<int> parse_mtu(std::string_view text) {
  const auto mtu = parse_number(text);
  if (!mtu || *mtu < 68 || *mtu > 65535) return fail("the MTU is not in 68..65535");
  return static_cast<int>(*mtu);
}

bool is_host_text(std::string_view text) {
  return all_of(text, [](char c) { return is_alnum(c) || c == '.' || c == '-' || c == '_'; });
}

Result<IpSpec> from_fields(std::vector<std::string> fields) {
  IpSpec ip;
  // dracut's short form, IFACE:METHOD, becomes the long one.
  if (fields.size() == 1 && method_word(fields[0]) != MethodWord::kNone) {
    fields = {"", "", "", "", "", "", fields[0]};
  } else if (fields.size() == 2 && method_word(fields[1]) != MethodWord::kNone) {
    fields = {"", "", "", "", "", fields[0], fields[1]};
  }
  if (fields.size() > 11) return fail("too many fields");
  fields.resize(11);  // the tenth, an NTP server, is of no use here
  for (const std::size_t at : {std::size_t{7}, std::size_t{10}}) {
    if (fields[at].empty() || !all_of(fields[at], is_digit)) continue;
    auto mtu = parse_mtu(fields[at]);
    if (!mtu) return std::move(mtu).error();
    ip.mtu = *mtu;
    fields[at].clear();
  }
  if (!fields[10].empty()) return fail("the MTU '" + fields[10] + "' is no number");

  auto interface = parse_interface(fields[5]);
  if (!interface) return std::move(interface).error();
  ip.interface = *std::move(interface);
  ip.server = fields[1];
  if (!is_address(ip.server) && !is_host_text(ip.server)) return fail("the server is no address");
  ip.hostname = fields[4];
  if (!is_host_text(ip.hostname)) return fail("'" + ip.hostname + "' is no host name");
  for (int i = 0; i < 2; ++i) {
    ip.dns[i] = fields[7 + static_cast<std::size_t>(i)];
    if (!ip.dns[i].empty() && !is_address(ip.dns[i])) {
      return fail("the name server '" + ip.dns[i] + "' is no address");
    }
  }

  const std::string& method = fields[6];
  const auto word = method.empty() ? MethodWord::kAny : method_word(method);
  const bool has_address = !fields[0].empty();
  switch (word) {
    case MethodWord::kNone:
      return fail("unknown method '" + method + "': dhcp, on, any, auto6, off or none");
    case MethodWord::kUnsupported:
      return fail("the method '" + method + "' is not supported: dhcp, auto6 or an address");
    case MethodWord::kOff:
      if (!has_address) return fail("'" + method + "' needs an address");
      break;
    case MethodWord::kDhcp:
    case MethodWord::kAuto6:
      if (has_address) return fail("an address and '" + method + "' exclude each other");
      ip.method = word == MethodWord::kDhcp ? IpSpec::Method::kDhcp : IpSpec::Method::kAuto6;
      return ip;
    case MethodWord::kAny:
      if (!has_address) return ip;  // any autoconfiguration: DHCP is the one there is
      break;
  }
  TRY(parse_static(fields, ip));
  return ip;
}

constexpr std::string_view kBondModes[] = {"balance-rr", "active-backup", "balance-xor",
                                           "broadcast",  "802.3ad",       "balance-tlb",
                                           "balance-alb"};
constexpr std::string_view kLacpRates[] = {"slow", "fast"};
constexpr std::string_view kHashPolicies[] = {"layer2", "layer3+4", "layer2+3"};

/// The place of `text` in a table of names, given by name or by number; -1 where it is neither.
template <std::size_t N>
int choice(std::string_view text, const std::string_view (&names)[N]) {
  for (std::size_t i = 0; i < N; ++i) {
    if (text == names[i] || text == std::to_string(i)) return static_cast<int>(i);
  }
  return -1;
}

Status parse_bond_option(std::string_view option, BondSpec& bond) {
  const auto equals = option.find('=');
  const auto key = option.substr(0, equals);
  const auto value = equals == std::string_view::npos ? "" : option.substr(equals + 1);
  const auto invalid = [&] {
    return fail("the option '" + std::string(option) + "' has no valid value");
  };
  if (key == "mode") {
    bond.mode = choice(value, kBondModes);
    if (bond.mode < 0) return invalid();
  } else if (key == "lacp_rate") {
    bond.lacp_rate = choice(value, kLacpRates);
    if (bond.lacp_rate < 0) return invalid();
  } else if (key == "xmit_hash_policy") {
    bond.xmit_hash_policy = choice(value, kHashPolicies);
    if (bond.xmit_hash_policy < 0) return invalid();
  } else if (key == "miimon") {
    const auto ms = parse_number(value);
    if (!ms || *ms > 60'000) return invalid();
    bond.miimon = static_cast<int>(*ms);
  } else if (key == "primary") {
    if (!is_interface_name(value)) return invalid();
    bond.primary = value;
  } else {
    return fail("unknown option '" + std::string(key) +
                "': mode, miimon, lacp_rate, xmit_hash_policy and primary are known");
  }
  return {};
}

Status parse_bond_fields(const std::vector<std::string_view>& fields, BondSpec& bond) {
  if (fields.size() > 4) return fail("too many fields: NAME:SLAVES:OPTIONS:MTU");
  if (!is_interface_name(fields[0])) return fail("the bond's name is no interface name");
  bond.name = fields[0];
  // What dracut takes where no slaves are named.
  const auto slaves = fields.size() > 1 && !fields[1].empty() ? fields[1] : "eth0,eth1";
  for (const auto name : split(slaves, ',')) {
    auto slave = parse_interface(name);
    if (!slave || slave->empty()) return fail("'" + std::string(name) + "' is no interface");
    bond.slaves.push_back(*std::move(slave));
  }
  if (fields.size() > 2 && !fields[2].empty()) {
    for (const auto option : split(fields[2], ','))
      TRY(parse_bond_option(option, bond));
  }
  if (fields.size() > 3 && !fields[3].empty()) {
    auto mtu = parse_mtu(fields[3]);
    if (!mtu) return std::move(mtu).error();
    bond.mtu = *mtu;
  }
  return {};
}

Status parse_vlan_fields(const std::vector<std::string_view>& fields, VlanSpec& vlan) {
  if (fields.size() != 2 && fields.size() != 3) return fail("write NAME:PARENT");
  if (fields.size() == 3 && fields[2] != "802.1ad" && fields[2] != "802.1q") {
    return fail("the protocol is 802.1q or 802.1ad");
  }
  vlan.service = fields.size() == 3 && fields[2] == "802.1ad";
  if (!is_interface_name(fields[0])) return fail("the VLAN's name is no interface name");
  vlan.name = fields[0];
  const auto last_letter = vlan.name.find_last_not_of("0123456789");
  const auto digits = last_letter == std::string::npos ? 0 : last_letter + 1;
  const auto id = parse_number(std::string_view(vlan.name).substr(digits));
  if (!id || *id < 1 || *id > kMaxVlanId) {
    return fail("the VLAN's name must end in its number, 1 to 4094");
  }
  vlan.id = static_cast<std::uint16_t>(*id);
  auto parent = parse_interface(fields[1]);
  if (!parent) return std::move(parent).error();
  if (parent->empty()) return fail("the parent interface is missing");
  if (parent->name == vlan.name) return fail("the VLAN cannot be its own parent");
  vlan.parent = *std::move(parent);
  return {};
}

/// The text up to the next ':' outside of brackets, without the brackets; false where one is open.
bool next_field(std::string_view& text, std::string_view& field) {
  if (consume(text, "[")) {
    const auto end = text.find(']');
    if (end == std::string_view::npos) return false;
    field = text.substr(0, end);
    text.remove_prefix(end + 1);
    return text.empty() || consume(text, ":");
  }
  field = text.substr(0, text.find(':'));
  text.remove_prefix(field.size());
  (void)consume(text, ":");
  return true;
}

Status parse_route_fields(std::string_view text, RouteSpec& route) {
  std::string_view net;
  std::string_view gateway;
  if (!next_field(text, net) || !next_field(text, gateway)) return fail("a ']' is missing");
  const auto slash = net.find('/');
  route.destination = net.substr(0, slash);
  if (!is_address(route.destination)) return fail("write NET/PREFIX:GATEWAY:IFACE");
  const bool v6 = is_v6(route.destination);
  route.prefix =
      slash == std::string_view::npos ? (v6 ? 128 : 32) : parse_prefix(net.substr(slash + 1), v6);
  if (route.prefix < 0) return fail("the prefix is no mask or prefix length");
  route.gateway = gateway;
  if (!gateway.empty() && !(v6 ? is_v6(gateway) : is_v4(gateway))) {
    return fail("the gateway '" + route.gateway + "' is no address of the destination's kind");
  }
  auto interface = parse_interface(text);
  if (!interface) return std::move(interface).error();
  if (interface->empty()) return fail("the interface is missing");
  route.interface = *std::move(interface);
  return {};
}

}  // namespace

Result<InterfaceName> parse_interface(std::string_view text) {
  InterfaceName interface;
  if (text.empty()) return interface;
  if (is_mac(text)) {
    for (const char c : text)
      interface.mac += c == '-' ? ':' : to_lower(c);
    return interface;
  }
  if (!is_interface_name(text)) return bad("", text, "no interface name");
  interface.name = text;
  return interface;
}

std::string to_string(const InterfaceName& i) {
  if (i.mac.empty()) return i.name;
  std::string text = i.mac;
  for (char& c : text) {
    if (c == ':') c = '-';
  }
  return text;
}

Result<IpSpec> parse_ip(std::string_view text) {
  if (text.empty() || text.size() > kMaxSpecBytes) {
    return bad("ip=", text, "write dhcp, IFACE:dhcp or CLIENT:SERVER:GW:MASK:HOST:IFACE:off");
  }
  auto fields = ip_fields(text);
  if (!fields) return bad("ip=", text, fields.error().message);
  auto ip = from_fields(*std::move(fields));
  if (!ip) return bad("ip=", text, ip.error().message);
  return ip;
}

std::string to_string(const IpSpec& ip) {
  const char* method = ip.method == IpSpec::Method::kDhcp    ? "dhcp"
                       : ip.method == IpSpec::Method::kAuto6 ? "auto6"
                                                             : "off";
  const std::string interface = to_string(ip.interface);
  const bool is_static = ip.method == IpSpec::Method::kStatic;
  const bool plain = !is_static && ip.server.empty() && ip.hostname.empty() && ip.dns[0].empty() &&
                     ip.dns[1].empty() && ip.mtu == 0;
  if (plain) return interface.empty() ? method : interface + ":" + method;
  std::string text =
      bracketed(ip.address) + ":" + bracketed(ip.server) + ":" + bracketed(ip.gateway) + ":";
  if (is_static) text += std::to_string(ip.prefix);
  text += ":" + ip.hostname + ":" + interface + ":" + method;
  const bool name_servers = !ip.dns[0].empty() || !ip.dns[1].empty();
  if (name_servers) text += ":" + bracketed(ip.dns[0]);
  if (!ip.dns[1].empty()) text += ":" + bracketed(ip.dns[1]);
  if (ip.mtu == 0) return text;
  if (name_servers) text += ip.dns[1].empty() ? "::" : ":";
  return text + ":" + std::to_string(ip.mtu);
}

Result<VlanSpec> parse_vlan(std::string_view text) {
  VlanSpec vlan;
  if (auto parsed = parse_vlan_fields(split(text.substr(0, kMaxSpecBytes), ':'), vlan); !parsed) {
    return bad("vlan=", text, parsed.error().message);
  }
  return vlan;
}

std::string to_string(const VlanSpec& v) {
  return v.name + ":" + to_string(v.parent) + (v.service ? ":802.1ad" : "");
}

Result<RouteSpec> parse_route(std::string_view text) {
  RouteSpec route;
  if (auto parsed = parse_route_fields(text.substr(0, kMaxSpecBytes), route); !parsed) {
    return bad("route=", text, parsed.error().message);
  }
  return route;
}

std::string to_string(const RouteSpec& route) {
  return bracketed(route.destination + "/" + std::to_string(route.prefix)) + ":" +
         bracketed(route.gateway) + ":" + to_string(route.interface);
}

Result<BondSpec> parse_bond(std::string_view text) {
  BondSpec bond;
  if (text.size() > kMaxSpecBytes) return bad("bond=", text, "too long");
  if (auto parsed = parse_bond_fields(split(text, ':'), bond); !parsed) {
    return bad("bond=", text, parsed.error().message);
  }
  return bond;
}

std::string to_string(const BondSpec& b) {
  std::string text = b.name + ":";
  for (std::size_t i = 0; i < b.slaves.size(); ++i) {
    if (i != 0) text += ",";
    text += to_string(b.slaves[i]);
  }
  text += ":mode=" + std::string(kBondModes[b.mode]) + ",miimon=" + std::to_string(b.miimon) +
          ",lacp_rate=" + std::string(kLacpRates[b.lacp_rate]) +
          ",xmit_hash_policy=" + std::string(kHashPolicies[b.xmit_hash_policy]);
  if (!b.primary.empty()) text += ",primary=" + b.primary;
  if (b.mtu != 0) text += ":" + std::to_string(b.mtu);
  return text;
}

}  // namespace mkcapture
