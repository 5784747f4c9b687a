#include "builder/host/interfaces.h"

#include <fmt/format.h>

#include <algorithm>

#include "init/base/units.h"

namespace mkcapture {

namespace {

std::string folder_of(const std::string& interface) {
  return "/sys/class/net/" + interface;
}

// The card's PHY is a device of its own, with a driver that the card's asks for by the PHY's
// number.
void add_phy(Host& host, const std::string& folder, Nic& nic) {
  if (const auto phy = host.real_path(folder + "/phydev"))
    merge_drivers(nic.drivers, drivers_above(host, *phy));
}

// A virtual function below Hyper-V's card has its MAC and is in it; the card alone will do.
bool is_within_card(Host& host, const NetworkLink& link, const std::vector<NetworkLink>& links) {
  return std::ranges::any_of(links, [&](const NetworkLink& other) {
    return other.index == link.master && host.exists(folder_of(other.name) + "/device");
  });
}

// "Name" of a driverless interface's kind (DEVTYPE in uevent), for errors.
std::string kind_words(Host& host, const NetworkLink& link) {
  if (host.exists(folder_of(link.name) + "/tun_flags")) return "a tap or tunnel device";
  if (!link.kind.empty()) return fmt::format("a {} device", link.kind);
  return "a virtual device";
}

// What belongs to a device, and is none of those that other interfaces are made of.
std::optional<Nic> nic_of(Host& host, const NetworkLink& link) {
  const std::string folder = folder_of(link.name);
  const auto device = host.real_path(folder + "/device");
  if (!device) return std::nullopt;
  Nic nic{link.name, link.permanent_mac, drivers_above(host, *device)};
  if (nic.mac.empty()) nic.mac = fact(host, folder + "/bonding_slave/perm_hwaddr");
  if (nic.mac.empty()) nic.mac = link.mac;
  add_phy(host, folder, nic);
  return nic;
}

// "active-backup 1" -> 1
int second_number(const std::string& text, int otherwise) {
  const auto space = text.find(' ');
  const auto number =
      space == std::string::npos ? parse_number(text) : parse_number(text.substr(space + 1));
  return number && *number < 1000000 ? static_cast<int>(*number) : otherwise;
}

BondSpec bond_from_sys(Host& host, const std::string& name) {
  const std::string folder = folder_of(name) + "/bonding/";
  BondSpec bond;
  bond.name = name;
  bond.mode = second_number(fact(host, folder + "mode"), bond.mode);
  bond.miimon = second_number(fact(host, folder + "miimon"), bond.miimon);
  if (bond.miimon == 0) bond.miimon = 100;  // ARP monitoring: links are watched instead
  bond.lacp_rate = second_number(fact(host, folder + "lacp_rate"), bond.lacp_rate);
  const int policy = second_number(fact(host, folder + "xmit_hash_policy"), 0);
  bond.xmit_hash_policy = policy <= 2 ? policy : 0;
  return bond;
}

class TakeApart {
 public:
  explicit TakeApart(Host& host) : host_(host), links_(host.network_links()) {}

  LinkStack run(const std::string& interface) {
    const NetworkLink* link = named(interface);
    if (link == nullptr) {
      stack_.unsupported = interface + " is not there";
      return std::move(stack_);
    }
    stack_.mtu = link->mtu;
    stack_.top = take(*link, 0);
    return std::move(stack_);
  }

 private:
  const NetworkLink* named(const std::string& name) const {
    const auto at = std::ranges::find(links_, name, &NetworkLink::name);
    return at == links_.end() ? nullptr : &*at;
  }
  const NetworkLink* at_index(int index) const {
    const auto at = std::ranges::find(links_, index, &NetworkLink::index);
    return index == 0 || at == links_.end() ? nullptr : &*at;
  }
  std::vector<const NetworkLink*> ports_of(const NetworkLink& master) const {
    std::vector<const NetworkLink*> ports;
    for (const auto& link : links_)
      if (link.master == master.index) ports.push_back(&link);
    return ports;
  }

  // Takes `link` apart; returns what the layer above must call it.
  InterfaceName take(const NetworkLink& link, int depth) {
    constexpr int kDeepest = 6;  // macvlan on VLAN on VLAN on bridge on bond on card
    if (depth > kDeepest) return refuse(link);
    if (auto nic = nic_of(host_, link)) return take_card(link, *std::move(nic), depth);
    if (link.kind == "vlan") return take_vlan(link, depth);
    if (link.kind == "bond") return take_bond(link, depth);
    if (link.kind == "bridge") return take_port(link, depth, "bridge");
    if (link.kind == "team") return take_port(link, depth, "team");
    if (link.kind == "vrf") return take_port(link, depth, "VRF");
    if (link.kind == "macvlan" || link.kind == "ipvlan") return take_parent(link, depth);
    if (link.kind == "openvswitch") return take_switch(link, depth);
    return refuse(link);
  }

  InterfaceName refuse(const NetworkLink& link) {
    stack_.unsupported = fmt::format("{} is {}", link.name, kind_words(host_, link));
    return {link.name, ""};
  }

  InterfaceName take_card(const NetworkLink& link, Nic nic, int depth) {
    constexpr std::string_view kInfiniband = "32";  // ARPHRD_INFINIBAND
    if (fact(host_, folder_of(link.name) + "/type") == kInfiniband) {
      stack_.unsupported = link.name + " is an InfiniBand device";
      return {link.name, ""};
    }
    // A virtual function is there again only once somebody asks the card for it.
    if (const auto names = host_.list_dir(folder_of(link.name) + "/device/physfn/net");
        names && !names->empty()) {
      if (const NetworkLink* card = named(names->front())) {
        stand_in(fmt::format("{} is a virtual function: its card {} stands in for it", link.name,
                             card->name));
        return take(*card, depth + 1);
      }
    }
    const InterfaceName name{"", nic.mac};
    stack_.nics.push_back(std::move(nic));
    return name;
  }

  InterfaceName take_vlan(const NetworkLink& link, int depth) {
    const NetworkLink* parent = at_index(link.parent);
    if (parent == nullptr) return refuse(link);
    VlanSpec vlan;
    vlan.id = link.vlan_id;
    vlan.service = link.service_vlan;
    vlan.parent = take(*parent, depth + 1);
    vlan.name = vlan_name(link);
    stack_.vlans.push_back(vlan);
    return {vlan.name, ""};
  }

  // Its own where that ends in the number, as vlan= wants it.
  static std::string vlan_name(const NetworkLink& link) {
    const auto digits = link.name.find_last_not_of("0123456789") + 1;
    const auto number = parse_number(std::string_view(link.name).substr(digits));
    if (digits > 0 && number && *number == link.vlan_id) return link.name;
    return fmt::format("v{}.{}", link.index, link.vlan_id);
  }

  InterfaceName take_bond(const NetworkLink& link, int depth) {
    auto bond = bond_from_sys(host_, link.name);
    for (const NetworkLink* slave : ports_of(link))
      bond.slaves.push_back(take(*slave, depth + 1));
    if (bond.slaves.empty()) return refuse(link);
    stack_.bonds.push_back(bond);
    return {link.name, ""};
  }

  // The first port with a card below stands in for the whole: for a bridge of virtual machines and
  // one way out that reaches the same network.
  InterfaceName take_port(const NetworkLink& link, int depth, std::string_view what) {
    const LinkStack before = stack_;
    for (const NetworkLink* port : ports_of(link)) {
      const InterfaceName top = take(*port, depth + 1);
      if (stack_.unsupported.empty()) {
        if (what != "bridge")
          stand_in(fmt::format("{} is a {}: its port {} stands in for it, alone", link.name, what,
                               port->name));
        return top;
      }
      stack_ = before;
    }
    return refuse(link);
  }

  InterfaceName take_parent(const NetworkLink& link, int depth) {
    const NetworkLink* parent = at_index(link.parent);
    if (parent == nullptr) return refuse(link);
    stand_in(fmt::format("{} is a {}: {} below it stands in for it", link.name, link.kind,
                         parent->name));
    return take(*parent, depth + 1);
  }

  // An inner port of Open vSwitch: which card it leads to, only the switch's flows know. One card
  // in the switch can be it.
  InterfaceName take_switch(const NetworkLink& link, int depth) {
    const NetworkLink* ways_out = nullptr;
    for (const auto& other : links_) {
      const NetworkLink* master = at_index(other.master);
      if (master == nullptr || master->kind != "openvswitch") continue;
      if (ways_out != nullptr) {
        stack_.unsupported = link.name + " is a port of Open vSwitch, which has several cards";
        return {link.name, ""};
      }
      ways_out = &other;
    }
    if (ways_out == nullptr) return refuse(link);
    stand_in(fmt::format("{} is a port of Open vSwitch: {} stands in for it, without the switch",
                         link.name, ways_out->name));
    return take(*ways_out, depth + 1);
  }

  void stand_in(std::string_view words) {
    if (!stack_.stand_in.empty()) stack_.stand_in += "; ";
    stack_.stand_in += words;
  }

  Host& host_;
  std::vector<NetworkLink> links_;
  LinkStack stack_;
};

}  // namespace

std::optional<Nic> find_nic(Host& host, const InterfaceName& wanted) {
  if (wanted.empty()) return std::nullopt;
  const auto links = host.network_links();
  for (const auto& link : links) {
    if (wanted.name.empty() ? is_within_card(host, link, links) : link.name != wanted.name)
      continue;
    auto nic = nic_of(host, link);
    if (nic && (!wanted.name.empty() || nic->mac == wanted.mac || link.mac == wanted.mac))
      return nic;
  }
  return std::nullopt;
}

std::vector<Nic> all_nics(Host& host) {
  std::vector<Nic> nics;
  const auto links = host.network_links();
  for (const auto& link : links)
    if (auto nic = nic_of(host, link);
        nic && !nic->drivers.empty() && !is_within_card(host, link, links))
      nics.push_back(*std::move(nic));
  return nics;
}

LinkStack link_stack(Host& host, const std::string& interface) {
  return TakeApart(host).run(interface);
}

}  // namespace mkcapture
