#include "init/net/address_task.h"

#include <algorithm>

#include "init/net/interfaces.h"

namespace mkcapture::init {
namespace {

using Assigned = Result<std::optional<AssignedAddress>>;

Assigned nothing_yet() {
  return std::optional<AssignedAddress>();
}

IpAddress any(bool v6) {
  IpAddress a;
  a.v6 = v6;
  return a;
}

std::string with_prefix(const IpAddress& a, int prefix) {
  return to_string(a) + "/" + std::to_string(prefix);
}

/// Router advertisements without the usual second's pause before asking for one, and without
/// duplicate address detection: the address was this machine's own until it crashed.
void prepare_ipv6(System& system, const std::string& interface, bool wanted) {
  const std::string dir = "/proc/sys/net/ipv6/conf/" + interface + "/";
  if (!system.exists(dir + "accept_ra")) return;  // a kernel without IPv6
  (void)system.write_file(dir + "dad_transmits", "0");
  (void)system.write_file(dir + "router_solicitation_delay", "0");
  if (!wanted) return;
  (void)system.write_file(dir + "disable_ipv6", "0");
  (void)system.write_file(dir + "accept_ra", "2");
  (void)system.write_file(dir + "autoconf", "1");
}

}  // namespace

Status add_route_by(LinkControl& control, const Route& route, const IpAddress& own,
                    int own_prefix) {
  const IpAddress& gateway = route.gateway;
  // Clouds hand out a /32 with a gateway outside of it: that needs a route to the gateway first.
  if (!gateway.unspecified() && !gateway.link_local() && !same_subnet(gateway, own, own_prefix)) {
    TRY(control.add_route({gateway, gateway.max_prefix(), any(gateway.v6), route.index}));
  }
  return control.add_route(route);
}

Status set_mtu(LinkControl& control, const NetworkView& view, const Link& link, std::uint32_t mtu) {
  const Link* below = &link;
  std::vector<int> small{link.index};
  constexpr std::size_t kDeepest = 8;
  while (below->parent != 0 && small.size() < kDeepest) {
    below = find_link(view.links, below->parent);
    if (below == nullptr) break;
    if (below->mtu < mtu) small.push_back(below->index);
  }
  for (auto index = small.rbegin(); index != small.rend(); ++index)
    TRY(control.set_mtu(*index, mtu));
  return {};
}

std::vector<const Link*> AddressTask::ways(const NetworkView& view) const {
  auto links = candidates(view.links, spec_.interface);
  if (spec_.interface.empty())
    std::erase_if(links, [this](const Link* l) { return passed_over_.contains(l->index); });
  return links;
}

Status AddressTask::prepare(const Link& link, const NetworkView& view) {
  if (!prepared_.insert(link.index).second) return {};
  const auto mtu = static_cast<std::uint32_t>(spec_.mtu);
  if (mtu != 0 && link.mtu != mtu) {
    if (auto set = set_mtu(control_, view, link, mtu); !set) {
      system_.log("MTU " + std::to_string(mtu) + " on " + describe(link) + ": " +
                  set.error().message);
    }
  }
  if (link.up && spec_.method != IpSpec::Method::kAuto6) return {};
  if (valid_interface_name(link.name)) {
    prepare_ipv6(system_, link.name, spec_.method == IpSpec::Method::kAuto6);
  }
  if (auto up = control_.set_up(link.index, true); !up) {
    return std::move(up).error().within("set " + describe(link) + " up");
  }
  return {};
}

Assigned AddressTask::tick(const NetworkView& view) {
  for (const Link* link : ways(view)) {
    // One interface that cannot be set up must not keep the others from being tried.
    if (auto up = prepare(*link, view); !up) {
      if (!spec_.interface.empty()) return std::move(up).error();
      continue;
    }
    if (!link->has_link) continue;
    auto got = spec_.method == IpSpec::Method::kStatic  ? tick_static(*link)
               : spec_.method == IpSpec::Method::kAuto6 ? tick_auto6(*link, view)
                                                        : tick_dhcp(*link, view);
    if (!got || *got) return got;
  }
  return nothing_yet();
}

bool AddressTask::has_link(const NetworkView& view) const {
  return std::ranges::any_of(ways(view), [](const Link* l) { return l->has_link; });
}

std::string AddressTask::missing(const NetworkView& view) const {
  const auto links = ways(view);
  if (links.empty()) {
    const std::string what =
        spec_.interface.empty()
            ? "no network interface"
            : "no interface " +
                  (spec_.interface.name.empty() ? spec_.interface.mac : spec_.interface.name);
    return what + " (seen: " + describe_links(view.links) + ")";
  }
  std::string linked;
  std::string dead;
  for (const Link* link : links) {
    std::string& list = link->has_link ? linked : dead;
    if (!list.empty()) list += ", ";
    list += describe(*link);
  }
  if (linked.empty()) return "no link on " + dead;
  switch (spec_.method) {
    case IpSpec::Method::kDhcp:
      return "no DHCP answer on " + linked + (dhcp_error_.empty() ? "" : " (" + dhcp_error_ + ")");
    case IpSpec::Method::kAuto6:
      return "no address by router advertisement on " + linked;
    case IpSpec::Method::kStatic:
      break;
  }
  return "no address on " + linked;
}

Status AddressTask::add_gateway(const Link& link, const AssignedAddress& own,
                                const IpAddress& gateway) {
  return add_route_by(control_, {any(gateway.v6), 0, gateway, link.index, metric_}, own.address,
                      own.prefix);
}

Assigned AddressTask::tick_static(const Link& link) {
  const auto address = parse_ip_address(spec_.address);
  if (!address) return fail("'" + spec_.address + "' is no address");
  AssignedAddress own{link.name, link.index, *address, spec_.prefix, {}, {}, {}};
  if (own.prefix < 0 || own.prefix > address->max_prefix()) own.prefix = address->v6 ? 64 : 24;
  own.text = with_prefix(*address, own.prefix) + " on " + link.name;
  if (auto added = control_.add_address(link.index, *address, own.prefix); !added) {
    return std::move(added).error().within("address " + own.text);
  }
  if (!spec_.gateway.empty()) {
    const auto gateway = parse_ip_address(spec_.gateway);
    if (!gateway || gateway->v6 != address->v6) {
      return fail("gateway '" + spec_.gateway + "' is no address of the same kind");
    }
    if (auto added = add_gateway(link, own, *gateway); !added) {
      return std::move(added).error().within("gateway " + spec_.gateway + " on " + link.name);
    }
    own.text += ", gateway " + spec_.gateway;
  }
  for (const std::string& text : spec_.dns) {
    if (const auto server = parse_ip_address(text)) own.dns.push_back(*server);
  }
  return std::optional<AssignedAddress>(std::move(own));
}

Assigned AddressTask::tick_auto6(const Link& link, const NetworkView& view) {
  for (const InterfaceAddress& a : view.addresses) {
    if (a.index != link.index || !a.address.v6 || !a.global || a.tentative || a.duplicate) continue;
    AssignedAddress own{link.name, link.index, a.address, a.prefix, {}, {}, {}};
    own.text = with_prefix(a.address, a.prefix) + " on " + link.name + " by router advertisement";
    for (const std::string& text : spec_.dns) {
      if (const auto server = parse_ip_address(text)) own.dns.push_back(*server);
    }
    return std::optional<AssignedAddress>(std::move(own));
  }
  return nothing_yet();
}

bool AddressTask::outlasts(const DhcpLease& lease) const {
  const auto needed = std::chrono::duration_cast<std::chrono::seconds>(lasts_).count();
  return lease.seconds == 0 || lease.seconds / 2 >= needed;
}

Assigned AddressTask::tick_dhcp(const Link& link, const NetworkView& view) {
  auto running = dhcp_.find(link.name);
  if (running == dhcp_.end()) {
    // An earlier target's worker may have been here: its lease holds as long as the address is set,
    // and where nobody renews it, as long as it lasts.
    if (auto text = system_.read_file(lease_path(link.name), kMaxLeaseBytes)) {
      auto lease = parse_lease(*text);
      const bool set = lease && std::ranges::any_of(view.addresses, [&](const auto& a) {
                         return a.index == link.index && a.address == lease->address;
                       });
      if (set && outlasts(*lease)) return apply_lease(link, *lease);
    }
    auto client = DhcpClient::start(system_, link.name);
    if (!client) return std::move(client).error();
    dhcp_.emplace(link.name, std::move(*client));
    return nothing_yet();
  }
  auto polled = running->second.poll();
  if (!polled) {
    dhcp_error_ = polled.error().message;
    dhcp_.erase(running);  // the next tick starts it again
    return nothing_yet();
  }
  const std::optional<DhcpLease> lease = *std::move(polled);
  if (!lease) return nothing_yet();
  if (!outlasts(*lease)) running->second.leave_running();
  dhcp_.clear();
  return apply_lease(link, *lease);
}

Assigned AddressTask::apply_lease(const Link& link, const DhcpLease& lease) {
  AssignedAddress own{link.name,    link.index, lease.address, lease.prefix, lease.dns,
                      lease.domain, {}};
  own.text = with_prefix(lease.address, lease.prefix) + " on " + link.name + " by DHCP";
  if (spec_.mtu == 0 && lease.mtu != 0 && lease.mtu != link.mtu) {
    (void)control_.set_mtu(link.index, lease.mtu);
  }
  if (auto added = control_.add_address(link.index, lease.address, lease.prefix); !added) {
    return std::move(added).error().within("address " + own.text);
  }
  // A route that the kernel refuses costs the networks behind it, not the lease: the target may be
  // on the link.
  std::string refused;
  const auto note = [&refused](const Status& s) {
    if (!s) refused = s.error().message;
  };
  for (const StaticRoute& r : lease.static_routes) {
    if (r.prefix == 0 && !r.router.unspecified()) {
      note(add_gateway(link, own, r.router));
    } else {
      note(control_.add_route({r.destination, r.prefix, r.router, link.index}));
    }
  }
  if (lease.static_routes.empty() && !lease.routers.empty()) {
    note(add_gateway(link, own, lease.routers.front()));
    own.text += ", gateway " + to_string(lease.routers.front());
  }
  if (!refused.empty()) own.text += " (a route was refused: " + refused + ")";
  return std::optional<AssignedAddress>(std::move(own));
}

}  // namespace mkcapture::init
