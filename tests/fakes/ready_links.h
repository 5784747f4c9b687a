// A machine whose one card is ready: for tests that are not about the network.
#pragma once

#include "init/net/link_control.h"

namespace mkcapture::init {

class ReadyLinks final : public LinkControl {
 public:
  Result<std::vector<Link>> links() override {
    Link card;
    card.index = 2;
    card.name = "eth0";
    card.mac = "52:54:00:00:00:01";
    card.mtu = 1500;
    card.ethernet = card.up = card.has_link = true;
    return std::vector<Link>{card};
  }
  Result<std::vector<InterfaceAddress>> addresses() override {
    return std::vector<InterfaceAddress>();
  }
  Status set_up(int, bool) override { return {}; }
  Status set_mtu(int, std::uint32_t) override { return {}; }
  Status set_master(int, int) override { return {}; }
  Status remove(int) override { return {}; }
  Status add_vlan(const VlanSpec&, int) override { return {}; }
  Status add_bond(const BondSpec&) override { return {}; }
  Status set_primary(int, int) override { return {}; }
  Status add_address(int, const IpAddress&, int) override { return {}; }
  Status add_route(const Route&) override { return {}; }
};

}  // namespace mkcapture::init
