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
  BringUp(CaptureContext context, LinkControl& control, const Deadline& deadline)
      : system_(context.system),
        config_(context.config),
        steps_(context.steps),
        control_(control),
        deadline_(deadline),
        started_(system_.now()) {}

  Result<NetworkState> run() {
    steps_.enter(Step::kLink);
    TRY(look());
    for (const Link& link : view_.links) {
      if (link.loopback && !link.up) (void)control_.set_up(link.index, true);
    }
    for (const BondSpec& bond : config_.bond)
      TRY(make_bond(bond));
    for (const VlanSpec& vlan : config_.vlan)
      TRY(make_vlan(vlan));
    TRY(assign_addresses());
    TRY(write_resolv_conf(system_, dns_, domain_));
    return NetworkState{assigned_.front().address};
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

  Status pause_and_look() {
    system_.sleep(std::min(kPause, std::max(deadline_.left(), Milliseconds(1))));
    return look();
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
    if (made) made = control_.add_vlan(vlan.name, vlan.id, parent->index);
    if (!made) return std::move(made).error().within("VLAN " + vlan.name);
    return look();
  }

  Status assign_addresses() {
    std::list<AddressTask> tasks;
    for (const IpSpec& spec : config_.ip)
      tasks.emplace_back(system_, control_, spec);
    if (tasks.empty()) tasks.emplace_back(system_, control_, IpSpec());
    bool linked = false;
    std::optional<Deadline> stragglers;
    Error last;
    for (;;) {
      for (auto task = tasks.begin(); task != tasks.end();) {
        if (!linked && task->has_link(view_)) {
          linked = true;
          steps_.enter(Step::kAddress);
        }
        auto got = task->tick(view_, deadline_);
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
    dns_.insert(dns_.end(), own.dns.begin(), own.dns.end());
    if (domain_.empty()) domain_ = own.domain;
    assigned_.push_back(std::move(own));
  }

  System& system_;
  const CaptureConfig& config_;
  StepReporter& steps_;
  LinkControl& control_;
  const Deadline& deadline_;
  Milliseconds started_;
  NetworkView view_;
  std::vector<AssignedAddress> assigned_;
  std::vector<IpAddress> dns_;
  std::string domain_;
};

}  // namespace

Result<NetworkState> bring_up_network(CaptureContext context, LinkControl& control,
                                      const Deadline& deadline) {
  return BringUp(context, control, deadline).run();
}

}  // namespace mkcapture::init
