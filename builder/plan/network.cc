#include "builder/plan/network.h"

#include <fmt/format.h>

#include <algorithm>

namespace mkcapture {

namespace {

class NetworkPlanner {
 public:
  NetworkPlanner(const Request& request, Host& host, Plan& plan)
      : request_(request), host_(host), plan_(plan), net_(plan.network) {}

  Status run() {
    take_request();
    TRY(find_ways());
    // No --ip: each target's way as it is now.
    if (net_.ip.empty())
      for (const Way& way : ways_)
        follow(way);
    tell_lost();
    net_.dhcp = net_.ip.empty() || std::any_of(net_.ip.begin(), net_.ip.end(), [](const auto& ip) {
                  return ip.method == IpSpec::Method::kDhcp;
                });
    add_cards();
    for (auto& target : plan_.targets)
      if (target.server) TRY(finish_target(target));
    return {};
  }

 private:
  // What was asked for, with names of cards of this machine turned into MACs.
  void take_request() {
    for (const auto& bond : request_.bond) {
      net_.bond.push_back(bond.value);
      for (auto& slave : net_.bond.back().slaves)
        use_mac(slave);
    }
    for (const auto& vlan : request_.vlan) {
      net_.vlan.push_back(vlan.value);
      use_mac(net_.vlan.back().parent);
    }
    for (const auto& ip : request_.ip) {
      net_.ip.push_back(ip.value);
      use_mac(net_.ip.back().interface);
    }
  }

  bool is_made_by_init(const std::string& name) const {
    return std::any_of(net_.bond.begin(), net_.bond.end(),
                       [&](const auto& bond) { return bond.name == name; }) ||
           std::any_of(net_.vlan.begin(), net_.vlan.end(),
                       [&](const auto& vlan) { return vlan.name == name; });
  }

  void use_mac(InterfaceName& interface) {
    if (interface.empty() || is_made_by_init(interface.name)) return;
    if (const auto nic = plan_.this_machine ? find_nic(host_, interface) : std::nullopt) {
      if (nic->mac == interface.mac) return;
      plan_.notes.push_back(fmt::format(
          "{} is named by its own address {}: {}",
          interface.name.empty() ? interface.mac : interface.name, nic->mac,
          interface.name.empty() ? "the other one was set here, and is gone after a crash"
                                 : "the capture kernel may call it otherwise"));
      interface = {"", nic->mac};
    } else if (interface.mac.empty() && !interface.name.starts_with("eth")) {
      plan_.warnings.push_back(fmt::format(
          "no card of this machine is called {}, and the capture kernel, which has no udev, will "
          "call none so: name it by its MAC address",
          interface.name));
    }
  }

  static std::string host_of(const TargetPlan& target) { return target.server->host; }

  // To a target, as this machine would take it now.
  struct Way {
    TargetPlan* target = nullptr;
    NetworkRoute route;
    LinkStack stack;  // of the interface
  };

  Status find_ways() {
    for (auto& target : plan_.targets) {
      if (!target.server) continue;
      if (const std::string host = host_of(target);
          host.starts_with("fe80:") || host.starts_with("FE80:"))
        return usage_error(to_string(target.spec),
                           "a link-local address says nothing without a link, and links may have "
                           "other names in the capture kernel: give the server's global address");
      if (plan_.this_machine) find_way(target);
    }
    return {};
  }

  // The first of the server's addresses that has a way is taken.
  void find_way(TargetPlan& target) {
    if (target.address.empty()) return no_way(target);
    const auto addresses = host_.resolve(host_of(target));
    for (const auto& address : addresses ? *addresses : std::vector{target.address}) {
      auto route = host_.network_route(address);
      if (!route) continue;
      if (route->own) {
        plan_.warnings.push_back(fmt::format(
            "{} is an address of this machine itself, which nobody answers at after a crash",
            address));
        return;
      }
      target.address = address;
      ways_.push_back({&target, *route, link_stack(host_, route->interface)});
      return;
    }
    no_way(target);
  }

  void no_way(const TargetPlan& target) {
    lost_.push_back(target.address.empty()
                        ? fmt::format("the address of {} is not known now", host_of(target))
                        : fmt::format("no route leads to {} now", host_of(target)));
  }

  void tell_lost() {
    if (!request_.ip.empty()) return;
    for (const auto& why : lost_)
      plan_.warnings.push_back(
          why +
          (net_.ip.empty() ? ": DHCP on the first card with a link, and the drivers of all cards "
                             "of this machine; "
                           : ": it is tried by the ways to the others; ") +
          "build the image again once there is a way, or say --ip");
  }

  // The interface that leads to the server, with its address where that was set for good, else
  // asking for one as it did.
  void follow(const Way& way) {
    const auto& [target, route, stack] = way;
    if (!stack.unsupported.empty() || stack.nics.empty()) {
      lost_.push_back(fmt::format("{} leads to {}, but {}, which cannot be made again",
                                  route.interface, host_of(*target), stack.unsupported));
      return;
    }
    if (!stack.stand_in.empty()) plan_.warnings.push_back(stack.stand_in);
    make_stack(stack);
    const bool ipv6 = target->address.find(':') != std::string::npos;
    const IpSpec& ip = address_on(way, ipv6);
    const std::string words = ip.method == IpSpec::Method::kStatic  ? "its address " + ip.address
                              : ip.method == IpSpec::Method::kAuto6 ? "the router's announcement"
                                                                    : "DHCP";
    plan_.notes.push_back(fmt::format("no --ip given: {} with {}, as it leads to {}",
                                      route.interface, words, host_of(*target)));
    route_on(way, ip, ipv6);
    target->where += (target->where.empty() ? "through " : ", through ") + route.interface;
    if (!route.gateway.empty()) target->where += ", gateway " + route.gateway;
    if (ip.method == IpSpec::Method::kStatic) target->where += ", from " + ip.address;
    if (ip.mtu != 0) target->where += fmt::format(", MTU {}", ip.mtu);
  }

  void make_stack(const LinkStack& stack) {
    const auto add = [](auto& into, const auto& made) {
      const bool known = std::any_of(into.begin(), into.end(),
                                     [&](const auto& other) { return other.name == made.name; });
      if (!known) into.push_back(made);
    };
    for (const auto& bond : stack.bonds)
      add(net_.bond, bond);
    for (const auto& vlan : stack.vlans)
      add(net_.vlan, vlan);
  }

  // The ip= of a way: one that is there already, or a new one.
  const IpSpec& address_on(const Way& way, bool ipv6) {
    const auto& [target, route, stack] = way;
    IpSpec ip;
    ip.interface = stack.top;
    ip.method = ipv6 ? IpSpec::Method::kAuto6 : IpSpec::Method::kDhcp;
    constexpr std::uint32_t kEthernet = 1500;  // what a card has by itself
    const std::uint32_t mtu = route.mtu == 0 ? stack.mtu : std::min(route.mtu, stack.mtu);
    if (mtu != 0 && mtu != kEthernet && mtu <= 65535) ip.mtu = static_cast<int>(mtu);
    if (const auto own = source_of(way, ipv6); own.permanent && !own.address.empty()) {
      ip.method = IpSpec::Method::kStatic;
      ip.address = own.address;
      ip.prefix = own.prefix;
    }
    for (const auto& other : net_.ip)
      if (other.interface == ip.interface && other.method == ip.method &&
          other.address == ip.address)
        return other;
    net_.ip.push_back(std::move(ip));
    return net_.ip.back();
  }

  // The address that packets to the target carry. Without its prefix where it belongs to another
  // interface, as on machines that announce an address of their loopback.
  InterfaceAddress source_of(const Way& way, bool ipv6) {
    for (const auto& own : host_.addresses(way.route.interface)) {
      if (own.address != way.route.source) continue;
      // A lease of DHCPv6, which there is no client for: the address as it is.
      constexpr int kLeased6 = 128;
      return {own.address, own.prefix, own.permanent || (ipv6 && own.prefix == kLeased6)};
    }
    return {way.route.source, ipv6 ? 128 : 32, true};
  }

  // The first ip= has the default route; what that does not lead to has a route of its own.
  void route_on(const Way& way, const IpSpec& ip, bool ipv6) {
    const auto& [target, route, stack] = way;
    const bool first = &ip == &net_.ip.front();
    const bool is_static = ip.method == IpSpec::Method::kStatic;
    if (route.gateway.empty()) {
      if (!is_static || in_one_network(target->address, ip.address, ip.prefix)) return;
    } else if (first && !is_static && route.gateway == default_gateway(ipv6)) {
      return;  // the lease or the router's announcement has it
    } else if (first && is_static && (ip.gateway.empty() || ip.gateway == route.gateway)) {
      net_.ip.front().gateway = route.gateway;
      return;
    }
    RouteSpec own{target->address, ipv6 ? 128 : 32, route.gateway, ip.interface};
    if (std::find(net_.route.begin(), net_.route.end(), own) == net_.route.end())
      net_.route.push_back(std::move(own));
  }

  std::string default_gateway(bool ipv6) {
    const auto route = host_.network_route(ipv6 ? "2001:db8::1" : "192.0.2.1");  // nobody's
    return route ? route->gateway : "";
  }

  void add_card(const InterfaceName& interface) {
    if (is_made_by_init(interface.name)) return;
    const auto nic = plan_.this_machine ? find_nic(host_, interface) : std::nullopt;
    if (!nic) {
      if (!interface.empty()) all_here_ = false;
      return;
    }
    add_nic(*nic);
  }

  // Every card that the configuration names.
  void add_cards() {
    for (const auto& bond : net_.bond)
      for (const auto& slave : bond.slaves)
        add_card(slave);
    for (const auto& vlan : net_.vlan)
      add_card(vlan.parent);
    for (const auto& ip : net_.ip)
      add_card(ip.interface);
    if (!all_here_) return;
    // DHCP on whichever card has a link: those that lead to a server here, or where that is not
    // known, any.
    const bool any = std::any_of(net_.ip.begin(), net_.ip.end(),
                                 [](const auto& ip) { return ip.interface.empty(); });
    if (any || net_.nics.empty())
      for (const Way& way : ways_)
        for (const auto& nic : way.stack.nics)
          add_nic(nic);
    if (plan_.this_machine && (net_.nics.empty() || (!lost_.empty() && (any || net_.ip.empty()))))
      for (const auto& nic : all_nics(host_))
        add_nic(nic);
  }

  void add_nic(const Nic& nic) {
    const bool known = std::any_of(net_.nics.begin(), net_.nics.end(),
                                   [&](const Nic& other) { return other.mac == nic.mac; });
    if (!known) net_.nics.push_back(nic);
  }

  Status finish_target(TargetPlan& target) {
    const std::string host = host_of(target);
    if (!target.address.empty() && target.address != host)
      net_.hosts += fmt::format("{} {}\n", target.address, host);
    if (target.address.empty() && !net_.dhcp && !has_name_server())
      return usage_error(to_string(target.spec),
                         "the name cannot be resolved now, and --ip names no name server: give the "
                         "address, or a DNS field in --ip");
    if (net_.nics.empty() || !all_here_) return {};
    target.here = true;
    std::string names;
    for (const auto& nic : net_.nics) {
      merge_drivers(target.drivers, nic.drivers);
      names += (names.empty() ? "" : ", ") + nic.name;
    }
    if (target.where.find("through ") == std::string::npos)
      target.where += (target.where.empty() ? "through " : ", through ") + names;
    return {};
  }

  bool has_name_server() const {
    return std::any_of(net_.ip.begin(), net_.ip.end(),
                       [](const auto& ip) { return !ip.dns[0].empty(); });
  }

  const Request& request_;
  Host& host_;
  Plan& plan_;
  NetworkPlan& net_;
  std::vector<Way> ways_;
  std::vector<std::string> lost_;  // why a target has no way that can be followed
  bool all_here_ = true;           // no card is named that this machine lacks
};

}  // namespace

Status plan_network(const Request& request, Host& host, Plan& plan) {
  const bool needed = std::any_of(plan.targets.begin(), plan.targets.end(),
                                  [](const TargetPlan& t) { return t.server.has_value(); });
  if (needed) return NetworkPlanner(request, host, plan).run();
  if (!request.ip.empty()) plan.notes.push_back("--ip has no effect: no target needs a network");
  return {};
}

}  // namespace mkcapture
