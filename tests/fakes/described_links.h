// A machine's interfaces and its networks' DHCP servers, as a test describes them.
#pragma once

#include <algorithm>
#include <cerrno>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "init/net/bring_up.h"
#include "init/net/dhcp.h"
#include "tests/fakes/fake_system.h"

namespace mkcapture::init {

/// A machine's interfaces in memory. `calls` reads as "up 2", "address 2 10.0.0.1/24" ...
class FakeLinks final : public LinkControl {
 public:
  std::vector<Link> all{{.index = 1, .name = "lo", .loopback = true}};
  std::vector<InterfaceAddress> assigned;
  std::vector<std::string> calls;
  std::set<std::string> dead;  // interfaces without a cable
  std::string refuse;          // calls that begin so fail

  Link& add(const std::string& name, const std::string& mac) {
    all.push_back({.index = static_cast<int>(all.size()) + 1,
                   .name = name,
                   .mac = mac,
                   .mtu = 1500,
                   .ethernet = true});
    return all.back();
  }
  Link& at(int index) { return *std::ranges::find(all, index, &Link::index); }

  Result<std::vector<Link>> links() override { return all; }
  Result<std::vector<InterfaceAddress>> addresses() override { return assigned; }
  Status set_up(int index, bool up) override {
    TRY(record((up ? "up " : "down ") + at(index).name));
    at(index).up = up;
    at(index).has_link = up && dead.count(at(index).name) == 0;
    return {};
  }
  Status set_mtu(int index, std::uint32_t mtu) override {
    return record("mtu " + at(index).name + " " + std::to_string(mtu));
  }
  Status set_master(int index, int master) override {
    if (at(index).up) return sys_error("set_master", EPERM);  // as the bonding driver
    TRY(record("enslave " + at(index).name + " " + at(master).name));
    at(index).master = master;
    return {};
  }
  Status remove(int index) override {
    TRY(record("remove " + at(index).name));
    std::erase_if(all, [index](const Link& l) { return l.index == index; });
    return {};
  }
  Status add_vlan(const VlanSpec& vlan, int parent) override {
    TRY(record("vlan " + vlan.name + " " + std::to_string(vlan.id) + " on " + at(parent).name));
    const std::string mac = at(parent).mac;
    Link& link = add(vlan.name, mac);
    link.kind = "vlan";
    link.parent = parent;
    return {};
  }
  Status add_bond(const BondSpec& bond) override {
    TRY(record("bond " + bond.name + " mode " + std::to_string(bond.mode)));
    add(bond.name, "").kind = "bond";
    return {};
  }
  Status set_primary(int bond, int slave) override {
    return record("primary " + at(bond).name + " " + at(slave).name);
  }
  Status add_address(int index, const IpAddress& a, int prefix) override {
    TRY(record("address " + at(index).name + " " + to_string(a) + "/" + std::to_string(prefix)));
    assigned.push_back({.index = index, .address = a, .prefix = prefix, .global = true});
    return {};
  }
  Status add_route(const Route& r) override {
    return record("route " + to_string(r.destination) + "/" + std::to_string(r.prefix) + " via " +
                  to_string(r.gateway) + " on " + at(r.index).name +
                  (r.metric == 0 ? "" : " metric " + std::to_string(r.metric)));
  }
  [[nodiscard]] bool did(const std::string& call) const {
    return std::ranges::find(calls, call) != calls.end();
  }

 private:
  Status record(const std::string& call) {
    calls.push_back(call);
    if (!refuse.empty() && call.starts_with(refuse)) return sys_error(call, EINVAL);
    return {};
  }
};

/// A System whose udhcpc runs until it is killed.
class DhcpSystem final : public FakeSystem {
 public:
  std::set<int> running;
  std::map<std::string, std::pair<Milliseconds, std::string>> servers;  // interface: when, lease

  DhcpSystem() {
    on_spawn = [this](const std::vector<std::string>& argv,
                      const std::vector<std::string>&) -> Result<Child> {
      const auto i = std::ranges::find(argv, "-i");
      const std::string interface = *(i + 1);
      if (const auto server = servers.find(interface); server != servers.end()) {
        at(now() + server->second.first, [interface, text = server->second.second](FakeSystem& s) {
          s.files[lease_path(interface)] = text;
        });
      }
      running.insert(++last_pid_);
      return Child{last_pid_, -1, -1, -1};
    };
  }
  std::optional<int> wait_child(int pid, Milliseconds limit) override {
    if (running.count(pid) == 0) return 137;
    sleep(limit);
    return std::nullopt;
  }
  void kill_child(int pid) override { running.erase(pid); }

 private:
  int last_pid_ = 1000;
};

class NoSteps final : public StepReporter {
 public:
  std::vector<Step> steps;
  void enter(Step step) override { steps.push_back(step); }
  void progress() override {}
};

struct NetMachine {
  DhcpSystem system;
  FakeLinks links;
  CaptureConfig config;
  NoSteps steps;
  ModuleLoader modules{system, config};

  Result<NetworkState> bring_up(Milliseconds limit = std::chrono::seconds(30)) {
    const Deadline deadline(system, limit);
    return bring_up_network({system, config, steps, modules}, links, deadline);
  }
  void ask(const std::string& spec) { config.ip.push_back(*parse_ip(spec)); }
};

}  // namespace mkcapture::init
