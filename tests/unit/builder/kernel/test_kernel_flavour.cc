#include <doctest/doctest.h>

#include "builder/kernel/kernel_flavour.h"

using namespace mkcapture;

TEST_CASE("kernel flavour: what distributions call their kernels") {
  const struct {
    std::string release, flavour;
  } kKernels[] = {
      {"6.1.0-56-amd64", "amd64"},
      {"6.1.0-56-rt-amd64", "rt-amd64"},
      {"6.1.0-0.deb11.21-amd64", "amd64"},
      {"6.12.48+deb13-amd64", "amd64"},
      {"6.12.48+deb13-arm64-16k", "arm64-16k"},
      {"6.16.3+deb13-rt-amd64", "rt-amd64"},
      {"6.18~rc4-amd64", "amd64"},
      {"6.8.0-45-generic", "generic"},
      {"6.8.0-45-lowlatency", "lowlatency"},
      {"6.4.0-150600.23.25-default", "default"},
      {"6.11.4-301.fc41.x86_64", ""},
      {"6.11.4-301.fc41.x86_64+debug", "debug"},
      {"5.14.0-503.el9.aarch64+64k", "64k"},
      {"5.14.0-503.el9.aarch64+64k-debug", "64k-debug"},
      {"6.6.58-0-lts", "lts"},
      {"6.11.5-arch1-1", ""},
      {"6.11.5-zen1-1-zen", "zen"},
      {"6.6.51+rpt-rpi-v8", "rpt-rpi-v8"},
      {"", ""},
  };
  for (const auto& [release, flavour] : kKernels) {
    CAPTURE(release);
    CHECK(kernel_flavour(release) == flavour);
  }
}

TEST_CASE("kernel flavour: the running kernel's, else the plain one, never one for debugging") {
  using Releases = std::vector<std::string>;
  const Releases debian = {"6.1.0-50-amd64", "6.1.0-56-amd64", "6.1.0-56-rt-amd64"};
  CHECK(newest_of_flavour(debian, "6.1.0-40-amd64") == "6.1.0-56-amd64");
  CHECK(newest_of_flavour(debian, "6.1.0-40-rt-amd64") == "6.1.0-56-rt-amd64");
  CHECK(newest_of_flavour(debian, "5.10.0-custom") == "6.1.0-56-amd64");
  CHECK(newest_of_flavour(debian, "") == "6.1.0-56-amd64");

  const Releases fedora = {"5.14.0-503.el9.aarch64", "5.14.0-503.el9.aarch64+64k",
                           "5.14.0-503.el9.aarch64+64k-debug", "5.14.0-503.el9.aarch64+debug"};
  CHECK(newest_of_flavour(fedora, "5.14.0-427.el9.aarch64+64k") == "5.14.0-503.el9.aarch64+64k");
  CHECK(newest_of_flavour(fedora, "5.14.0-427.el9.aarch64+debug") == "5.14.0-503.el9.aarch64");
  CHECK(newest_of_flavour(fedora, "") == "5.14.0-503.el9.aarch64");
  CHECK(newest_of_flavour({"6.1.0-56-rt-amd64"}, "6.1.0-40-amd64") == "6.1.0-56-rt-amd64");
  CHECK_FALSE(newest_of_flavour({"6.11.4-301.fc41.x86_64+debug"}, ""));
  CHECK_FALSE(newest_of_flavour({}, "6.1"));
}
