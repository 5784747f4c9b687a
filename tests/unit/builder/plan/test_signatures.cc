// --signatures auto: kept unless this very machine needs none.
#include <doctest/doctest.h>

#include "builder/plan/kernel_checks.h"
#include "tests/fakes/fake_host.h"

using namespace mkcapture;
using fakes::FakeHost;

namespace {

// Why they are kept; empty where they are dropped.
std::string kept_on(FakeHost& host, const char* config = "CONFIG_MODULE_SIG=y\n") {
  Request request;
  request.root = "/";
  Plan plan;
  plan.this_machine = true;
  plan.kernel.config = parse_kernel_config(config);
  choose_signatures(request, host, plan);
  return plan.signatures_why;
}

}  // namespace

TEST_CASE("signatures: dropped on a machine that loads modules without") {
  FakeHost host = fakes::virtual_machine();
  CHECK(kept_on(host).empty());
  host.files["/sys/module/module/parameters/sig_enforce"] = "N\n";
  host.files["/sys/kernel/security/lockdown"] = "[none] integrity confidentiality\n";
  CHECK(kept_on(host).empty());
}

TEST_CASE("signatures: kept where the kernel or Secure Boot's lockdown wants them") {
  const std::string wanted = "the kernel loads no module without one";
  FakeHost host = fakes::virtual_machine();
  CHECK(kept_on(host, "CONFIG_MODULE_SIG=y\nCONFIG_MODULE_SIG_FORCE=y\n") == wanted);
  host.files["/sys/kernel/security/lockdown"] = "none [integrity] confidentiality\n";
  CHECK(kept_on(host) == wanted);
  host.files.erase("/sys/kernel/security/lockdown");
  host.files["/sys/module/module/parameters/sig_enforce"] = "Y\n";
  CHECK(kept_on(host) == wanted);
}

TEST_CASE("signatures: kept where a container does not see what its machine wants") {
  for (const char* sign : {"/run/systemd/container", "/run/.containerenv", "/.dockerenv"}) {
    FakeHost host = fakes::virtual_machine();
    host.files[sign] = "";
    CHECK(kept_on(host).starts_with("built in a container"));
  }
}
