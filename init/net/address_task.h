// AddressTask: one ip= on its way from "no such interface yet" to a usable address and its routes.
// Several run side by side, each moved on by tick(), so that a cable that is out on one interface
// does not hold up another.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "init/contract/net_config.h"
#include "init/net/dhcp.h"
#include "init/net/link_control.h"
#include "init/system/system.h"

namespace mkcapture::init {

/// What the kernel has just told; read once for all tasks.
struct NetworkView {
  std::vector<Link> links;
  std::vector<InterfaceAddress> addresses;
};

struct AssignedAddress {
  std::string interface;
  int index = 0;
  IpAddress address;
  int prefix = 0;
  std::vector<IpAddress> dns;
  std::string domain;
  std::string text;  // for the log: "10.0.2.15/24 on eth0 by DHCP, gateway 10.0.2.2"
};

class AddressTask {
 public:
  AddressTask(System& system, LinkControl& control, IpSpec spec)
      : system_(system), control_(control), spec_(std::move(spec)) {}

  /// Moves on as far as possible without waiting. An error is final. `deadline` is that of the
  /// whole capture as far as it is known here: a lease that is shorter keeps its udhcpc.
  [[nodiscard]] Result<std::optional<AssignedAddress>> tick(const NetworkView& view,
                                                            const Deadline& deadline);

  /// Some candidate has a link: what is missing now is the address.
  [[nodiscard]] bool has_link(const NetworkView& view) const;
  /// What did not come, for the time-out's message: "no link on eth0 (52:54:...)".
  [[nodiscard]] std::string missing(const NetworkView& view) const;

 private:
  Status prepare(const Link& link);
  Result<std::optional<AssignedAddress>> tick_static(const Link& link);
  Result<std::optional<AssignedAddress>> tick_auto6(const Link& link, const NetworkView& view);
  Result<std::optional<AssignedAddress>> tick_dhcp(const Link& link, const NetworkView& view,
                                                   const Deadline& deadline);
  Result<std::optional<AssignedAddress>> apply_lease(const Link& link, const DhcpLease& lease);
  Status add_gateway(const Link& link, const AssignedAddress& own, const IpAddress& gateway);

  System& system_;
  LinkControl& control_;
  IpSpec spec_;
  std::set<int> prepared_;                  // links that were set up here
  std::map<std::string, DhcpClient> dhcp_;  // running clients by interface
  std::string dhcp_error_;                  // why the last one ended
};

}  // namespace mkcapture::init
