// LinkControl: what the network's bring-up asks of the kernel, as an interface, so that the tests
// play a machine's interfaces; rtnl.cc is the real one, over rtnetlink(7).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "init/base/result.h"
#include "init/contract/net_config.h"
#include "init/net/ip_address.h"

namespace mkcapture::init {

struct Link {
  int index = 0;
  std::string name{};
  std::string mac{};   // lower case with colons; empty where it has none
  std::string kind{};  // "vlan", "bond", "veth"...; empty for a device of a driver
  int master = 0;      // the bond it belongs to, by index; 0 none
  int parent = 0;      // of a VLAN, by index; 0 none
  std::uint32_t mtu = 0;
  bool ethernet = false;  // ARPHRD_ETHER
  bool loopback = false;
  bool up = false;        // administratively
  bool has_link = false;  // up and ready to carry packets (carrier and RFC 2863 state)
};

struct InterfaceAddress {
  int index = 0;
  IpAddress address{};
  int prefix = 0;
  bool tentative = false;  // IPv6: duplicate address detection is still running
  bool duplicate = false;  // IPv6: somebody else has it
  bool global = false;     // not link-local, not host
};

struct Route {
  IpAddress destination{};  // all zeros with prefix 0: the default route
  int prefix = 0;
  IpAddress gateway{};  // unspecified: the destination is on the link
  int index = 0;
  std::uint32_t metric = 0;  // the lower one is taken; 0: the kernel's default
};

class LinkControl {
 public:
  virtual ~LinkControl() = default;

  [[nodiscard]] virtual Result<std::vector<Link>> links() = 0;
  [[nodiscard]] virtual Result<std::vector<InterfaceAddress>> addresses() = 0;

  virtual Status set_up(int index, bool up) = 0;
  virtual Status set_mtu(int index, std::uint32_t mtu) = 0;
  /// Makes `index` a slave of bond `master`; it must be down.
  virtual Status set_master(int index, int master) = 0;
  virtual Status remove(int index) = 0;
  virtual Status add_vlan(const VlanSpec& vlan, int parent) = 0;
  /// An empty bond with the specification's options; slaves and primary come later.
  virtual Status add_bond(const BondSpec& bond) = 0;
  virtual Status set_primary(int bond, int slave) = 0;
  /// EEXIST is success. IPv6 addresses are used at once, without duplicate address detection.
  virtual Status add_address(int index, const IpAddress& address, int prefix) = 0;
  /// In the place of one to the same destination with the same metric: afterwards the kernel has
  /// this one.
  virtual Status add_route(const Route& route) = 0;
};

/// Opens the rtnetlink socket. Each call waits at most five seconds for the kernel's answer.
[[nodiscard]] Result<std::unique_ptr<LinkControl>> open_rtnetlink();

}  // namespace mkcapture::init
