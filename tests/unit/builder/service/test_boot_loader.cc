// mkcapture crashkernel --apply: the boot loader that is there gets the word.
#include <doctest/doctest.h>

#include "builder/service/boot_loader.h"
#include "tests/fakes/fake_host.h"

using namespace mkcapture;
using fakes::FakeHost;

namespace {

std::string joined(const std::vector<std::string>& argv) {
  std::string line;
  for (const auto& arg : argv)
    line += (line.empty() ? "" : " ") + arg;
  return line;
}

FakeHost machine_with(const std::vector<std::string>& files) {
  FakeHost host = fakes::virtual_machine();
  for (const auto& file : files)
    host.files[file] = "quiet crashkernel=64M crashkernel=32M,low\n";
  host.on_run = [](const auto&) { return std::string(); };
  return host;
}

}  // namespace

TEST_CASE("crashkernel: GRUB gets a drop-in, and update-grub is run") {
  FakeHost host = machine_with({"/usr/sbin/update-grub", "/etc/default/grub"});
  REQUIRE(write_crashkernel("192M", host));
  const std::string& text = host.files.at(kGrubDropIn);
  CHECK(text.find(") crashkernel=192M\"\n") != std::string::npos);
  CHECK(text.find("GRUB_CMDLINE_LINUX_DEFAULT=") != std::string::npos);
  CHECK(joined(host.ran.back()) == "update-grub");
}

TEST_CASE("crashkernel: the drop-in leaves one crashkernel= of all that were asked for") {
  FakeHost host = machine_with({"/usr/sbin/update-grub", "/etc/default/grub"});
  REQUIRE(write_crashkernel("192M", host));
  const auto sourced = real_host()->run(
      {"sh", "-ec",
       "GRUB_CMDLINE_LINUX='a=1 crashkernel=64M'; GRUB_CMDLINE_LINUX_DEFAULT='quiet "
       "crashkernel=1G,high crashkernel=32M,low'; eval \"$1\"; echo "
       "\"$GRUB_CMDLINE_LINUX|$GRUB_CMDLINE_LINUX_DEFAULT\"",
       "sh", host.files.at(kGrubDropIn)});
  REQUIRE(sourced);
  CHECK(*sourced == "a=1|quiet crashkernel=192M\n");
}

TEST_CASE("crashkernel: an update-grub that fails leaves no drop-in") {
  FakeHost host = machine_with({"/usr/sbin/update-grub", "/etc/default/grub"});
  host.on_run = [](const auto&) -> Result<std::string> { return fail("update-grub: no"); };
  const auto done = write_crashkernel("192M", host);
  REQUIRE(!done);
  CHECK(done.error().message == "update-grub: no");
  CHECK(!host.files.contains(kGrubDropIn));
}

TEST_CASE("crashkernel: grubby, where it is, knows better") {
  FakeHost host = machine_with({"/usr/sbin/grubby", "/usr/sbin/update-grub", "/etc/default/grub"});
  REQUIRE(write_crashkernel("192M", host));
  CHECK(joined(host.ran.back()) == "grubby --update-kernel=ALL --args=crashkernel=192M");
  CHECK(!host.files.contains(kGrubDropIn));
}

TEST_CASE("crashkernel: /etc/kernel/cmdline, and it is as before where kernel-install fails") {
  FakeHost host = machine_with({"/usr/bin/kernel-install", "/etc/kernel/cmdline"});
  REQUIRE(write_crashkernel("192M", host));
  CHECK(host.files.at("/etc/kernel/cmdline") == "quiet crashkernel=192M\n");
  CHECK(host.ran.back()[0] == "kernel-install");

  FakeHost other = machine_with({"/usr/bin/kernel-install", "/etc/kernel/cmdline"});
  other.on_run = [](const auto&) -> Result<std::string> { return fail("no"); };
  CHECK(!write_crashkernel("192M", other));
  CHECK(other.files.at("/etc/kernel/cmdline") == "quiet crashkernel=64M crashkernel=32M,low\n");
}

TEST_CASE("crashkernel: no boot loader that is known") {
  FakeHost host = machine_with({});
  const auto done = write_crashkernel("192M", host);
  REQUIRE(!done);
  CHECK(done.error().message.find("add crashkernel=192M to the kernel's command line") !=
        std::string::npos);
}
