// Network configuration as text: the kernel's `ip=` (Documentation/admin-guide/nfs/nfsroot.rst),
// dracut's `vlan=` and `bond=` (dracut.cmdline(7)). Pure parsers; shared by builder and /init.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "init/base/result.h"

namespace mkcapture {

/// An interface by name ("eth0", "bond0", "vlan5") or MAC ("52-54-00-aa-bb-cc" in the text, since
/// ':' separates the fields of ip=). Empty: the first interface with a link.
struct InterfaceName {
  std::string name;  // empty where `mac` is set
  std::string mac;   // lower case with colons, or empty
  [[nodiscard]] bool empty() const { return name.empty() && mac.empty(); }
  friend bool operator==(const InterfaceName&, const InterfaceName&) = default;
};
[[nodiscard]] Result<InterfaceName> parse_interface(std::string_view text);
[[nodiscard]] std::string to_string(const InterfaceName& i);  // MACs with dashes

struct IpSpec {
  /// kDhcp also for "on" and "any"; kAuto6: router advertisement ("auto6"); kStatic: "off"/"none"
  /// kDhcp also for "on" and "any" without an address; kAuto6: router advertisement ("auto6");
  /// kStatic: a client address, with the method empty, "off", "none", "on" or "any".
  enum class Method { kDhcp, kAuto6, kStatic };
  Method method = Method::kDhcp;
  InterfaceName interface;
  std::string address;  // static: IPv4 or IPv6 (no brackets)
  int prefix = -1;  // static: from the dotted mask or a prefix length; IPv4's class rule and /64
                    // where the field is empty
  std::string gateway;   // may be empty
  std::string server;    // second field; informational
  std::string hostname;  // fifth field
  std::string dns[2];    // fields 8 and 9
  int mtu = 0;           // 0: unchanged
};

/// "dhcp", "IFACE:dhcp", "CLIENT:SERVER:GW:MASK:HOST:IFACE:METHOD[:DNS0[:DNS1]]"; IPv6 in brackets.
/// The MTU is a number in the place of DNS0, as in dracut, or beside name servers the eleventh
/// field (the tenth is an NTP server).
[[nodiscard]] Result<IpSpec> parse_ip(std::string_view text);
[[nodiscard]] std::string to_string(const IpSpec& ip);

/// A way beside that of ip='s gateway, as dracut's rd.route=: "NET/PREFIX:GATEWAY:IFACE", IPv6 in
/// brackets ("[fd00::5/128]:[fe80::1]:eth0"); without a gateway NET is on the link.
struct RouteSpec {
  std::string destination;
  int prefix = 0;
  std::string gateway;  // may be empty
  InterfaceName interface;
  friend bool operator==(const RouteSpec&, const RouteSpec&) = default;
};
[[nodiscard]] Result<RouteSpec> parse_route(std::string_view text);
[[nodiscard]] std::string to_string(const RouteSpec& route);

/// "vlan=VLANNAME:PARENT[:802.1ad]"; the id is the trailing number of VLANNAME ("vlan5", "eth0.5"),
/// 1..4094. 802.1ad: a provider's (service) VLAN, which others may lie in. PARENT may be a VLAN or
/// a bond too, and a bond's slave a VLAN: they are made in the order that this needs.
struct VlanSpec {
  std::string name;
  std::uint16_t id = 0;
  InterfaceName parent;
  bool service = false;
};
[[nodiscard]] Result<VlanSpec> parse_vlan(std::string_view text);
[[nodiscard]] std::string to_string(const VlanSpec& v);

/// "bond=BONDNAME[:SLAVES[:OPTIONS[:MTU]]]": slaves comma-separated, options
/// "mode=802.3ad,miimon=100". Without slaves eth0 and eth1, as in dracut; without a mode
/// active-backup, which needs no help from the switch. Modes known here: balance-rr 0,
/// active-backup 1, balance-xor 2, broadcast 3, 802.3ad 4, balance-tlb 5, balance-alb 6
/// (linux/if_bonding.h).
struct BondSpec {
  std::string name;
  std::vector<InterfaceName> slaves;
  int mode = 1;
  int miimon = 100;          // milliseconds
  int lacp_rate = 0;         // 0 slow, 1 fast
  int xmit_hash_policy = 0;  // layer2 0, layer3+4 1, layer2+3 2
  std::string primary;       // may be empty
  int mtu = 0;               // 0: unchanged
};
[[nodiscard]] Result<BondSpec> parse_bond(std::string_view text);
[[nodiscard]] std::string to_string(const BondSpec& b);

}  // namespace mkcapture
