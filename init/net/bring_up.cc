#include "init/net/bring_up.h"

#include <algorithm>
#include <list>

#include "init/net/address_task.h"
#include "init/net/interfaces.h"
#include "init/net/resolve.h"

namespace mkcapture::init {
namespace {

constexpr Milliseconds kPause{20};          // between two looks at the interfaces
constexpr Milliseconds kStragglers{10000};  // for further addresses, once there is one
constexpr Milliseconds kSlaves{5000};       // for further slaves of a bond, once there is one

std::string name_of(const InterfaceName& i) {
  return i.name.empty() ? i.mac : i.name;
}

class BringUp {
 public:
  BringUp(const CaptureContext& context, LinkControl& control, const Deadline& deadline,
          const std::set<int>& passed_over)
      : system_(context.system),
        config_(context.config),
        steps_(context.steps),
        modules_(context.modules),
        autoload_(network_autoload(context.config)),
        control_(control),
        deadline_(deadline),
        passed_over_(passed_over),
        started_(system_.now()) {}

  Result<NetworkState> run() {
    steps_.enter(Step::kLink);
    TRY(look());
    for (const Link& link : view_.links) {
      if (link.loopback && !link.up) (void)control_.set_up(link.index, true);
    }
    TRY(make_stacks());
    TRY(assign_addresses());
    TRY(write_resolv_conf(system_, dns_, domain_));
    const AssignedAddress& first = assigned_.front();
    return NetworkState{first.address, first.interface, first.index, count_others()};
  }

 private:
  Status look() {
    auto links = control_.links();
    if (!links) return std::move(links).error();
    auto addresses = control_.addresses();
    if (!addresses) return std::move(addresses).error();
    view_ = {std::move(*links), std::move(*addresses)};
    return {};
  }

  int count_others() const {
    const bool any_card = std::ranges::all_of(config_.ip, [](const IpSpec& spec) {
      return spec.method == IpSpec::Method::kDhcp && spec.interface.empty();
    });
    return any_card ? static_cast<int>(candidates(view_.links, {}).size()) - 1 : 0;
  }

  /// Devices that come late (USB, channels of a hypervisor, deferred probes) get their modules.
  Status pause_and_look() {
    const auto event =
        system_.wait_uevent(std::min(kPause, std::max(deadline_.left(), Milliseconds(1))));
    if (event && event->action == "overrun") {
      modules_.autoload(autoload_);
    } else if (event && event->action == "add" && !event->get("MODALIAS").empty()) {
      modules_.autoload(autoload_, std::string(event->get("MODALIAS")));
    }
    return look();
  }

  static Autoload network_autoload(const CaptureConfig& config) {
    for (const auto& target : config.targets)
      if (needs_network(target.spec) && target.autoload != Autoload::kNone) return target.autoload;
    return Autoload::kNone;
  }

  /// Whether what `name` calls is still to be made.
  static bool is_among(const std::vector<const BondSpec*>& bonds,
                       const std::vector<const VlanSpec*>& vlans, const std::string& name) {
    const auto called = [&name](const auto* made) { return made->name == name; };
    return !name.empty() &&
           (std::ranges::any_of(bonds, called) || std::ranges::any_of(vlans, called));
  }

  /// What lies below comes first: VLANs on bonds, bonds of VLANs, VLANs in VLANs.
  Status make_stacks() {
    std::vector<const BondSpec*> bonds;
    std::vector<const VlanSpec*> vlans;
    for (const BondSpec& bond : config_.bond)
      bonds.push_back(&bond);
    for (const VlanSpec& vlan : config_.vlan)
      vlans.push_back(&vlan);
    while (!bonds.empty() || !vlans.empty()) {
      const auto bond = std::ranges::find_if(bonds, [&](const BondSpec* b) {
        return std::ranges::none_of(b->slaves, [&](const InterfaceName& slave) {
          return is_among(bonds, vlans, slave.name);
        });
      });
      if (bond != bonds.end()) {
        TRY(make_bond(**bond));
        bonds.erase(bond);
        continue;
      }
      const auto vlan = std::ranges::find_if(
          vlans, [&](const VlanSpec* v) { return !is_among(bonds, vlans, v->parent.name); });
      if (vlan == vlans.end()) return fail("bond= and vlan= lie on each other in a circle");
      TRY(make_vlan(**vlan));
      vlans.erase(vlan);
    }
    return {};
  }

  /// "... after 30s", the time waited in whole seconds.
  Error timed_out(std::string what) {
    const auto waited = std::chrono::duration_cast<std::chrono::seconds>(system_.now() - started_ +
                                                                         Milliseconds(500));
    return {ETIMEDOUT, std::move(what) + " after " + std::to_string(waited.count()) + "s"};
  }

  Result<Link> wait_for(const InterfaceName& wanted) {
    for (;;) {
      if (const Link* link = find_link(view_.links, wanted)) return *link;
      if (deadline_.passed()) {
        return timed_out("no interface " + name_of(wanted) +
                         " (seen: " + describe_links(view_.links) + ")");
      }
      TRY(pause_and_look());
    }
  }

  /// All slaves, or those that are there some seconds after the first.
  Result<std::vector<Link>> wait_for_slaves(const BondSpec& bond) {
    std::optional<Deadline> rest;
    for (;;) {
      std::vector<Link> found;
      for (const InterfaceName& wanted : bond.slaves) {
        const auto match = std::ranges::find_if(view_.links, [&wanted](const Link& l) {
          return wanted.name.empty() ? l.mac == wanted.mac && l.kind != "bond" && l.kind != "vlan"
                                     : l.name == wanted.name;
        });
        if (match != view_.links.end()) found.push_back(*match);
      }
      if (!found.empty() && !rest) rest = deadline_.sooner(kSlaves);
      if (!found.empty() && (found.size() == bond.slaves.size() || rest->passed())) return found;
      if (deadline_.passed()) {
        return timed_out("no slave of " + bond.name + " (seen: " + describe_links(view_.links) +
                         ")");
      }
      TRY(pause_and_look());
    }
  }

  Status make_bond(const BondSpec& bond) {
    auto slaves = wait_for_slaves(bond);
    if (!slaves) return std::move(slaves).error();
    if (auto made = make_bond_of(bond, *slaves); !made) {
      return std::move(made).error().within("bond " + bond.name);
    }
    return look();
  }

  Status make_bond_of(const BondSpec& bond, const std::vector<Link>& slaves) {
    if (const Link* there = find_link(view_.links, {bond.name, {}})) {
      const auto enslaved = [there](const Link& l) { return l.master == there->index; };
      if (std::ranges::any_of(slaves, enslaved)) return control_.set_up(there->index, true);
      // The driver makes an empty "bond0" of its own, in another mode.
      TRY(control_.remove(there->index));
    }
    TRY(control_.add_bond(bond));
    TRY(look());
    const Link* made = find_link(view_.links, {bond.name, {}});
    if (made == nullptr) return fail("it is not there after its creation");
    const int index = made->index;
    std::size_t enslaved = 0;
    Error refused;
    for (const Link& slave : slaves) {
      Status joined = slave.up ? control_.set_up(slave.index, false) : Status();
      if (joined) joined = control_.set_master(slave.index, index);
      if (joined) {
        ++enslaved;
        if (slave.name == bond.primary) (void)control_.set_primary(index, slave.index);
      } else {
        refused = std::move(joined).error().within(describe(slave));
        system_.log("bond " + bond.name + ": " + refused.message);
      }
    }
    if (enslaved == 0) return refused;
    if (bond.mtu > 0) TRY(control_.set_mtu(index, static_cast<std::uint32_t>(bond.mtu)));
    return control_.set_up(index, true);
  }

  Status make_vlan(const VlanSpec& vlan) {
    if (find_link(view_.links, {vlan.name, {}}) != nullptr) return {};
    auto parent = wait_for(vlan.parent);
    if (!parent) return std::move(parent).error().within("VLAN " + vlan.name);
    Status made = parent->up ? Status() : control_.set_up(parent->index, true);
    if (made) made = control_.add_vlan(vlan, parent->index);
    if (!made) return std::move(made).error().within("VLAN " + vlan.name);
    return look();
  }

  Status assign_addresses() {
    std::list<AddressTask> tasks;
    constexpr std::uint32_t kLaterMetric = 1024;  // more than the kernel's own default for IPv6
    for (const IpSpec& spec : config_.ip) {
      const std::uint32_t metric =
          tasks.empty() ? 0 : kLaterMetric + static_cast<std::uint32_t>(tasks.size());
      tasks.emplace_back(system_, control_, spec, metric, config_.deadline, passed_over_);
    }
    if (tasks.empty())
      tasks.emplace_back(system_, control_, IpSpec(), 0, config_.deadline, passed_over_);
    bool linked = false;
    std::optional<Deadline> stragglers;
    Error last;
    for (;;) {
      for (auto task = tasks.begin(); task != tasks.end();) {
        if (!linked && task->has_link(view_)) {
          linked = true;
          steps_.enter(Step::kAddress);
        }
        auto got = task->tick(view_);
        if (got && !*got) {
          ++task;
          continue;
        }
        if (got) {
          accept(std::move(**got));
        } else {
          last = std::move(got).error();
          system_.log("network: " + last.message);
        }
        task = tasks.erase(task);
      }
      if (!assigned_.empty() && !stragglers) stragglers = deadline_.sooner(kStragglers);
      if (tasks.empty()) break;
      if (stragglers && stragglers->passed()) {
        for (const AddressTask& task : tasks)
          system_.log("network: " + task.missing(view_));
        break;
      }
      if (deadline_.passed()) return timed_out(tasks.front().missing(view_));
      TRY(pause_and_look());
    }
    if (assigned_.empty()) return last;
    return {};
  }

  void accept(AssignedAddress own) {
    steps_.progress();
    system_.log("network: " + own.text);
    add_routes(own);
    dns_.insert(dns_.end(), own.dns.begin(), own.dns.end());
    if (domain_.empty()) domain_ = own.domain;
    assigned_.push_back(std::move(own));
  }

  /// Those of route= that lead through the interface. One that is refused costs what is behind it.
  void add_routes(const AssignedAddress& own) {
    for (const RouteSpec& spec : config_.route) {
      const Link* link = find_link(view_.links, spec.interface);
      const auto destination = parse_ip_address(spec.destination);
      if (link == nullptr || link->index != own.index || !destination) continue;
      if (destination->v6 != own.address.v6) continue;
      Route route{*destination, spec.prefix, {}, own.index};
      route.gateway.v6 = destination->v6;
      if (const auto gateway = parse_ip_address(spec.gateway)) route.gateway = *gateway;
      const Status added = add_route_by(control_, route, own.address, own.prefix);
      system_.log("network: route to " + spec.destination + "/" + std::to_string(spec.prefix) +
                  (spec.gateway.empty() ? "" : " by " + spec.gateway) + " on " + own.interface +
                  (added ? "" : " refused: " + added.error().message));
    }
  }

  System& system_;
  const CaptureConfig& config_;
  StepReporter& steps_;
  ModuleLoader& modules_;
  Autoload autoload_;
  LinkControl& control_;
  const Deadline& deadline_;
  const std::set<int>& passed_over_;
  Milliseconds started_;
  NetworkView view_;
  std::vector<AssignedAddress> assigned_;
  std::vector<IpAddress> dns_;
  std::string domain_;
};

}  // namespace

Result<NetworkState> bring_up_network(const CaptureContext& context, LinkControl& control,
                                      const Deadline& deadline, const std::set<int>& passed_over) {
  return BringUp(context, control, deadline, passed_over).run();
}

}  // namespace mkcapture::init
