#include <doctest/doctest.h>

#include "builder/plan/kexec.h"
#include "builder/print/print.h"
#include "tests/fakes/fake_host.h"

using namespace mkcapture;
using fakes::FakeHost;

namespace {

constexpr std::uint64_t kMiB = 1 << 20;

Plan plan_for(FakeHost& host, const std::string& root = "/", const std::string& append = "") {
  Plan plan;
  plan.profile = *builtin_profile("x86_64");
  plan.this_machine = true;
  plan.kernel.root = root;
  plan.kernel.release = "6.1";
  plan.kernel.image = "/boot/vmlinuz-6.1";
  plan.output = "/boot/capture.img";
  Request request;
  request.root = root;
  request.append = append;
  REQUIRE(plan_kexec(request, host, plan));
  return plan;
}

bool has_word(const std::string& line, const std::string& word) {
  return (" " + line + " ").find(" " + word + " ") != std::string::npos;
}

}  // namespace

TEST_CASE("kexec: the running system's command line, as distributions hand it on") {
  FakeHost host = fakes::virtual_machine();
  const std::string line = plan_for(host, "/", "foo=bar").kexec.append;
  for (const char* kept : {"console=ttyS0,115200", "mitigations=off"})
    CHECK(has_word(line, kept));
  for (const char* added : {"nr_cpus=1", "irqpoll", "reset_devices", "foo=bar"})
    CHECK_MESSAGE(has_word(line, added), added);
  for (const char* gone : {"crashkernel=", "root=", "BOOT_IMAGE=", "quiet", " ro "})
    CHECK_MESSAGE(line.find(gone) == std::string::npos, gone);
}

TEST_CASE("kexec: what is left out is told with its reason, and an open quote is") {
  FakeHost host = fakes::virtual_machine();
  host.files["/proc/cmdline"] = "nomodule quiet console=ttyS0 dyndbg=\"file x\n";
  const Plan plan = plan_for(host);
  CHECK(plan.kexec.append.starts_with("console=ttyS0 dyndbg=\"file x\" nr_cpus=1"));
  CHECK(print_left_out(plan) ==
        "# left out: nomodule  the drivers of the image are to be loaded\n"
        "# left out: quiet     a capture says what it does\n");
  REQUIRE(plan.warnings.size() == 1);
  CHECK(
      plan.warnings[0] ==
      "/proc/cmdline has a double quote without its partner: it is closed at the end of the line");
  CHECK(plan_for(host, "/", "a=\"b").warnings.size() == 2);
}

TEST_CASE("kexec: options of drivers on the running system's line reach modules, and are shown") {
  FakeHost host = fakes::virtual_machine();
  host.files["/proc/cmdline"] = "quiet virtio_blk.queues=5 virtio-blk.async_probe\n";
  Plan plan = plan_for(host);
  CHECK(plan.kexec.append.starts_with("virtio_blk.queues=5 virtio-blk.async_probe "));
  ResolvedModule module;
  module.name = "virtio_blk";
  module.reason = "drives vda";
  module.params = "queues=2";
  plan.drivers.modules.push_back(module);
  CHECK(print_plan(plan, ImageSizes{}).find("drives vda, with queues=2 queues=5 async_probe\n") !=
        std::string::npos);
}

TEST_CASE("kexec: the reservation's size, where kernels of 6.19 and later have it too") {
  FakeHost host = fakes::virtual_machine();
  CHECK(plan_for(host).crashkernel.reserved == 192 * kMiB);
  host.files["/sys/kernel/kexec/crash_size"] = "268435456\n";
  CHECK(plan_for(host).crashkernel.reserved == 256 * kMiB);
  host.files.erase("/sys/kernel/kexec_crash_size");
  CHECK(plan_for(host).crashkernel.reserved == 256 * kMiB);
}

TEST_CASE("kexec: a deadline that the memory of this machine outlasts is warned of") {
  FakeHost host = fakes::virtual_machine();
  host.files["/proc/iomem"] = "00000000-fffffffffff : System RAM\n";  // 16 TiB
  Plan plan;
  plan.profile = *builtin_profile("x86_64");
  plan.this_machine = true;
  plan.kernel.image = "/boot/vmlinuz-6.1";
  Request request;
  request.deadline = std::chrono::minutes(30);
  REQUIRE(plan_kexec(request, host, plan));
  CHECK(plan.warnings.empty());  // a default: a dump that moves goes on
  request.deadline_origin = "--deadline";
  REQUIRE(plan_kexec(request, host, plan));
  REQUIRE(plan.warnings.size() == 1);
  CHECK(plan.warnings[0].starts_with("--deadline: 30min end a dump of this machine"));
  CHECK(plan.warnings[0].find("a quarter of it kept") != std::string::npos);
  plan.warnings.clear();
  request.deadline = std::chrono::hours(24);
  REQUIRE(plan_kexec(request, host, plan));
  CHECK(plan.warnings.empty());
}

TEST_CASE("kexec: another root has no command line of its own, so the profile's console serves") {
  FakeHost host = fakes::virtual_machine();
  const Plan plan = plan_for(host, "/tree");
  CHECK(plan.kexec.append.starts_with(plan.profile.console));
  CHECK(!has_word(plan.kexec.append, "mitigations=off"));
  CHECK(plan.crashkernel.ram == 0);
}

TEST_CASE("kexec: the command is one line for a shell") {
  FakeHost host = fakes::virtual_machine();
  const std::string line = kexec_line(plan_for(host));
  CHECK(line.starts_with("kexec -p /boot/vmlinuz-6.1 --initrd=/boot/capture.img --append=\""));
  CHECK(line.ends_with("\""));
  // What a shell would interpret gets single quotes.
  CHECK(kexec_line(plan_for(host, "/", "a=$HOME")).find("'--append=") != std::string::npos);
}

TEST_CASE("crashkernel of the running system against RAM and need") {
  FakeHost host = fakes::virtual_machine();
  const Plan plan = plan_for(host);
  CHECK(plan.crashkernel.ram == 0x9ec00 + 0x7feda000ull);
  CHECK(plan.crashkernel.request.bytes == 192 * kMiB);
  CHECK(plan.crashkernel.reserved == 192 * kMiB);
}

TEST_CASE("RAM: MemTotal where the map shows zeros to us") {
  FakeHost host;
  host.files["/proc/iomem"] = "00000000-00000000 : System RAM\n";
  host.files["/proc/meminfo"] = "MemTotal:        2030416 kB\nMemFree: 1 kB\n";
  CHECK(machine_ram(host) == 2030416ull * 1024);
  CHECK(machine_ram(*std::make_unique<FakeHost>()) == 0);
}

TEST_CASE("plan in words: the reservation is too small, missing, or wrong") {
  const auto words = [](const char* cmdline, const char* reserved) {
    FakeHost host = fakes::virtual_machine();
    host.files["/proc/cmdline"] = cmdline;
    host.files["/sys/kernel/kexec_crash_size"] = reserved;
    return print_plan(plan_for(host), ImageSizes{});
  };
  CHECK(words("quiet", "0\n").find("nothing: add crashkernel=128M") != std::string::npos);
  CHECK(words("crashkernel=64M", "67108864\n").find("64M here, too little for this image") !=
        std::string::npos);
  CHECK(words("crashkernel=much", "0\n").find("which the kernel will not understand: a size is") !=
        std::string::npos);
  CHECK(words("crashkernel=auto", "0\n").find("only kernels of Red Hat know auto") !=
        std::string::npos);
  CHECK(words("crashkernel=1G-4G:160M,4G-:256M", "167772160\n").find("160M here\n") !=
        std::string::npos);
}
