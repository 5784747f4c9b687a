#include <doctest/doctest.h>

#include "builder/plan/ssh_alias.h"
#include "tests/fakes/fake_host.h"

using namespace mkcapture;
using fakes::FakeHost;

namespace {

Result<TargetPlan> resolved(const std::string& target, const std::string& answers) {
  FakeHost host;
  host.on_run = [&answers](const std::vector<std::string>&) -> Result<std::string> {
    return answers;
  };
  TargetPlan plan;
  plan.spec = *parse_target(target);
  auto done = resolve_ssh_alias(host, "--target", plan);
  if (!done) return std::move(done).error();
  return plan;
}

}  // namespace

TEST_CASE("ssh alias: name, port and key's name of this machine's configuration") {
  const auto plan = resolved("ssh://u@backup/srv",
                             "user root\nhostname 10.0.0.9\nport 2222\nproxycommand none\n"
                             "hostkeyalias backup-key\n");
  REQUIRE(plan);
  CHECK(to_string(plan->spec) == "ssh://u@10.0.0.9:2222/srv");
  CHECK(plan->host_key_name == "backup-key");
  CHECK(plan->how == "backup is 10.0.0.9 by this machine's ssh configuration");
}

TEST_CASE("ssh alias: what the target says goes first, and a plain name stays") {
  const auto plan = resolved("ssh://u@nas:22/srv", "hostname nas\nport 2222\n");
  REQUIRE(plan);
  CHECK(to_string(plan->spec) == "ssh://u@nas:22/srv");
  CHECK(plan->host_key_name == "nas");
  CHECK(plan->how.empty());
  const auto other = resolved("ssh://u@nas:44/srv", "hostname 10.0.0.7\nport 22\n");
  REQUIRE(other);
  CHECK(to_string(other->spec) == "ssh://u@10.0.0.7:44/srv");
  CHECK(other->host_key_name == "[10.0.0.7]:44");
}

TEST_CASE("ssh alias: a way through another machine is refused") {
  for (const char* answers : {"hostname h\nproxyjump gate\n", "hostname h\nproxycommand nc %h\n"}) {
    const auto refused = resolved("ssh://u@backup/srv", answers);
    REQUIRE_FALSE(refused);
    CHECK(is_usage_error(refused.error()));
    CHECK(refused.error().message.find("--target: this machine's ssh goes to backup by proxy") ==
          0);
  }
}

TEST_CASE("ssh alias: without ssh, and for other targets, nothing changes") {
  FakeHost host;
  TargetPlan plan;
  plan.spec = *parse_target("ssh://u@backup/srv");
  REQUIRE(resolve_ssh_alias(host, "--target", plan));
  CHECK(to_string(plan.spec) == "ssh://u@backup/srv");
  CHECK(host.ran ==
        std::vector<std::vector<std::string>>{{"ssh", "-G", "-l", "u", "--", "backup"}});
  plan.spec = *parse_target("nfs://backup/srv");
  REQUIRE(resolve_ssh_alias(host, "--target", plan));
  CHECK(host.ran.size() == 1);
}
