// Two cards that answer to DHCP, of which the first leads nowhere.
#include <doctest/doctest.h>

#include <algorithm>

#include "init/net/find_server.h"
#include "tests/fakes/described_links.h"
#include "tests/fakes/listener.h"

using namespace mkcapture;
using namespace mkcapture::init;
using std::chrono::seconds;

namespace {

constexpr const char* kNobody = "255.255.255.255";  // connections fail at once, and not by refusal

struct TwoCards : NetMachine {
  TwoCards() {
    links.add("eth0", "52:54:00:00:00:01");
    links.add("eth1", "52:54:00:00:00:02");
    system.servers["eth0"] = {Milliseconds(100), "ip=10.1.0.5\nmask=24\nlease=86400\n"};
    system.servers["eth1"] = {seconds(2), "ip=10.2.0.5\nmask=24\nlease=86400\n"};
  }
  Result<std::vector<IpAddress>> find(const std::string& host, std::uint16_t port) {
    const Deadline deadline(system, seconds(60));
    return find_server({system, config, steps, modules}, links, host, port, deadline);
  }
};

}  // namespace

TEST_CASE("find server: where it is not reached, the next card is asked for a lease") {
  TwoCards m;
  CHECK_FALSE(m.find(kNobody, 2049));
  const auto& calls = m.links.calls;
  const auto at = [&calls](const char* call) { return std::ranges::find(calls, call); };
  const auto other = at("address eth1 10.2.0.5/24");
  REQUIRE(other != calls.end());
  CHECK(at("address eth0 10.1.0.5/24") < at("down eth0"));
  CHECK(at("down eth0") < other);
  CHECK(std::find(other, calls.end(), "down eth1") != calls.end());
  CHECK(std::find(other, calls.end(), "up eth0") != calls.end());  // and round again
  CHECK(std::ranges::any_of(m.system.lines, [](const std::string& line) {
    return line.find("255.255.255.255 is not reached by eth0 (") != std::string::npos;
  }));
}

TEST_CASE("find server: the first lease stays where the server answers, or the card is named") {
  TwoCards m;
  const Listener server;
  REQUIRE(m.find("127.0.0.1", server.port()));
  CHECK_FALSE(m.links.did("down eth0"));

  TwoCards named;
  named.ask("eth0:dhcp");
  REQUIRE(named.find(kNobody, 2049));  // the caller's attempts say what is wrong
  CHECK_FALSE(named.links.did("down eth0"));

  TwoCards alone;
  alone.links.all.pop_back();
  REQUIRE(alone.find(kNobody, 2049));
}
