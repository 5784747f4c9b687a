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

/// With a route to the gateway itself where that is not on the link by the interface's own address.
Status add_route_by(LinkControl& control, const Route& route, const IpAddress& own, int own_prefix);
/// Also of what the link lies on, where that has less.
Status set_mtu(LinkControl& control, const NetworkView& view, const Link& link, std::uint32_t mtu);

class AddressTask {
 public:
  /// `metric`: of the default route that comes with the address, 0 for the first ip=, so that each
  /// has its own and the first is taken. `lasts`: how long the address may be needed; a lease that
  /// is shorter keeps its udhcpc. `passed_over`: cards that are not taken where `spec` names none;
  /// outlives the task.
  AddressTask(System& system, LinkControl& control, IpSpec spec, std::uint32_t metric,
              Milliseconds lasts, const std::set<int>& passed_over)
      : system_(system),
        control_(control),
        spec_(std::move(spec)),
        metric_(metric),
        lasts_(lasts),
        passed_over_(passed_over) {}

  /// Moves on as far as possible without waiting. An error is final.
  [[nodiscard]] Result<std::optional<AssignedAddress>> tick(const NetworkView& view);

  /// Some candidate has a link: what is missing now is the address.
  [[nodiscard]] bool has_link(const NetworkView& view) const;
  /// What did not come, for the time-out's message: "no link on eth0 (52:54:...)".
  [[nodiscard]] std::string missing(const NetworkView& view) const;

 private:
  /// The links that the address may come by.
  [[nodiscard]] std::vector<const Link*> ways(const NetworkView& view) const;
  Status prepare(const Link& link, const NetworkView& view);
  Result<std::optional<AssignedAddress>> tick_static(const Link& link);
  Result<std::optional<AssignedAddress>> tick_auto6(const Link& link, const NetworkView& view);
  Result<std::optional<AssignedAddress>> tick_dhcp(const Link& link, const NetworkView& view);
  /// A renewal comes when half of the lease is over.
  [[nodiscard]] bool outlasts(const DhcpLease& lease) const;
  Result<std::optional<AssignedAddress>> apply_lease(const Link& link, const DhcpLease& lease);
  Status add_gateway(const Link& link, const AssignedAddress& own, const IpAddress& gateway);

  System& system_;
  LinkControl& control_;
  IpSpec spec_;
  std::uint32_t metric_;
  Milliseconds lasts_;
  const std::set<int>& passed_over_;
  std::set<int> prepared_;                  // links that were set up here
  std::map<std::string, DhcpClient> dhcp_;  // running clients by interface
  std::string dhcp_error_;                  // why the last one ended
};

}  // namespace mkcapture::init
