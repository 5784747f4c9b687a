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
    if (net_.ip.empty()) {
      if (const auto way = first_way()) default_configuration(*way);
    }
    net_.dhcp = net_.ip.empty() || std::any_of(net_.ip.begin(), net_.ip.end(), [](const auto& ip) {
                  return ip.method == IpSpec::Method::kDhcp;
                });
    add_cards();
    for (auto& target : plan_.targets)
      if (needs_network(target.spec)) TRY(finish_target(target));
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
    if (interface.name.empty() || is_made_by_init(interface.name)) return;
    if (const auto nic = plan_.this_machine ? find_nic(host_, interface) : std::nullopt) {
      plan_.notes.push_back(
          fmt::format("{} is named by its address {}: the capture kernel may call "
                      "it otherwise",
                      interface.name, nic->mac));
      interface = {"", nic->mac};
    } else if (!interface.name.starts_with("eth")) {
      plan_.warnings.push_back(fmt::format(
          "no card of this machine is called {}, and the capture kernel, which has no udev, will "
          "call none so: name it by its MAC address",
          interface.name));
    }
  }

  struct Way {
    const TargetPlan& target;
    std::string interface;  // that leads to it now
  };

  // To the first target that this machine has a route to.
  std::optional<Way> first_way() {
    if (!plan_.this_machine) return std::nullopt;
    for (const auto& target : plan_.targets) {
      if (!needs_network(target.spec) || target.address.empty()) continue;
      if (auto interface = route_to(host_, target.address))
        return Way{target, *std::move(interface)};
    }
    return std::nullopt;
  }

  // No --ip: the interface that leads to the server now, with its address where that was set for
  // good, else asking for one as it did.
  void default_configuration(const Way& way) {
    const auto& [target, interface] = way;
    const std::string host = needs(target.spec).server->host;
    const LinkStack stack = link_stack(host_, interface);
    if (!stack.unsupported.empty() || stack.nics.empty()) {
      plan_.notes.push_back(fmt::format(
          "{} leads to {}, but {}: DHCP on the first card with a link, say --ip for another",
          interface, host, stack.unsupported));
      return;
    }
    if (stack.bond && net_.bond.empty()) net_.bond.push_back(*stack.bond);
    if (stack.vlan && net_.vlan.empty()) net_.vlan.push_back(*stack.vlan);
    const bool ipv6 = target.address.find(':') != std::string::npos;
    std::string words = ipv6 ? "the router's announcement" : "DHCP";
    std::string text = stack.top + (ipv6 ? ":auto6" : ":dhcp");
    const auto addresses = host_.addresses(interface);
    if (!ipv6 && !addresses.empty() && addresses.front().permanent) {
      const auto& own = addresses.front();
      words = "its address " + own.address;
      text = fmt::format("{}::{}:{}::{}:off", own.address, gateway_to(host_, target.address),
                         own.prefix, stack.top);
    }
    if (auto ip = parse_ip(text)) net_.ip.push_back(std::move(*ip));
    plan_.notes.push_back(
        fmt::format("no --ip given: {} with {}, as it leads to {}", interface, words, host));
  }

  void add_card(const InterfaceName& interface) {
    if (is_made_by_init(interface.name)) return;
    const auto nic = plan_.this_machine ? find_nic(host_, interface) : std::nullopt;
    if (!nic) {
      if (!interface.empty()) all_here_ = false;
      return;
    }
    const bool known = std::any_of(net_.nics.begin(), net_.nics.end(),
                                   [&](const Nic& other) { return other.mac == nic->mac; });
    if (!known) net_.nics.push_back(*nic);
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
    if (!net_.nics.empty() || !all_here_) return;
    // "dhcp" on whichever card has a link: the one that leads to a server here.
    if (const auto way = first_way())
      for (const auto& nic : link_stack(host_, way->interface).nics)
        net_.nics.push_back(nic);
  }

  Status finish_target(TargetPlan& target) {
    const std::string host = needs(target.spec).server->host;
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
    target.where = "through " + names;
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
  bool all_here_ = true;  // no card is named that this machine lacks
};

}  // namespace

Status plan_network(const Request& request, Host& host, Plan& plan) {
  const bool needed = std::any_of(plan.targets.begin(), plan.targets.end(),
                                  [](const TargetPlan& t) { return needs_network(t.spec); });
  if (needed) return NetworkPlanner(request, host, plan).run();
  if (!request.ip.empty()) plan.notes.push_back("--ip has no effect: no target needs a network");
  return {};
}

}  // namespace mkcapture
