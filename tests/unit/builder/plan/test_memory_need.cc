#include <doctest/doctest.h>

#include "builder/plan/memory_need.h"
#include "tests/fakes/fake_host.h"

using namespace mkcapture;
using fakes::FakeHost;

namespace {

constexpr std::uint64_t kMiB = 1 << 20;

struct Fixture {
  FakeHost host;
  Plan plan;

  Fixture() {
    plan.this_machine = true;
    plan.profile.kernel_memory = 88 * kMiB;
    plan.profile.cmdline_add = {"irqpoll", "nr_cpus=1"};
    plan.profile.crashkernel = {{0, ~std::uint64_t{0}, 128 * kMiB}};
  }
  /// "64M what it is for"; "" where the profile's measure holds.
  std::string beyond() {
    plan.crashkernel.beyond.clear();
    plan_memory(host, plan);
    std::string text;
    for (const auto& more : plan.crashkernel.beyond)
      text += (text.empty() ? "" : "; ") + std::to_string(more.bytes / kMiB) + "M " + more.why;
    return text;
  }
  void drives(const std::string& module) {
    TargetPlan target;
    target.drivers = {{"sda", module, module, ""}};
    plan.targets.push_back(target);
    ResolvedModule resolved;
    resolved.name = module;
    plan.drivers.modules.push_back(resolved);
  }
};

}  // namespace

TEST_CASE("memory need: nothing beyond the profile's measure on a plain machine") {
  Fixture f;
  f.host.files["/proc/cpuinfo"] = "processor\t: 0\nflags\t\t: fpu sme sev lm\n";  // a host's
  f.host.files["/proc/meminfo"] = "MemTotal: 1 kB\nPercpu:           163840 kB\n";
  f.drives("virtio_blk");
  CHECK(f.beyond().empty());
  CHECK(memory_need(f.plan, 3 * kMiB).machine == 0);
}

TEST_CASE("memory need: encrypted memory") {
  Fixture f;
  std::string how;
  SUBCASE("SEV") {
    f.host.files["/proc/cpuinfo"] = "processor\t: 0\nflags\t\t: fpu sev hypervisor lm\nbugs\t: x\n";
    how = "SEV";
  }
  SUBCASE("TDX") {
    f.host.files["/proc/cpuinfo"] = "processor\t: 0\nflags\t\t: fpu hypervisor tdx_guest\n";
    how = "TDX";
  }
  SUBCASE("SME, asked for") {
    f.host.files["/proc/cpuinfo"] = "x\nflags\t\t: fpu sme\n";
    f.host.files["/proc/cmdline"] = "root=/dev/sda1 mem_encrypt=on\n";
    how = "SME";
  }
  SUBCASE("SME by the kernel's configuration") {
    f.host.files["/proc/cpuinfo"] = "x\nflags\t\t: fpu sme\n";
    f.plan.kernel.config = parse_kernel_config("CONFIG_AMD_MEM_ENCRYPT_ACTIVE_BY_DEFAULT=y\n");
    how = "SME";
  }
  SUBCASE("IBM Z") {
    f.host.files["/sys/firmware/uv/prot_virt_guest"] = "1\n";
    how = "secure execution";
  }
  CHECK(f.beyond() == "64M bounce buffers, as memory is encrypted here (" + how + ")");
  const ImageNeed need = memory_need(f.plan, 3 * kMiB);
  CHECK(needed_bytes(f.plan.profile, need) == (88 + 64) * kMiB);
  CHECK(recommended_bytes(f.plan.profile, kMiB << 10, need) == (128 + 64) * kMiB);
  f.plan.this_machine = false;
  CHECK(f.beyond().empty());
}

TEST_CASE("memory need: page size, SMMU, CPUs, drivers") {
  Fixture f;
  f.plan.kernel.config = parse_kernel_config("CONFIG_ARM64_64K_PAGES=y\n");
  CHECK(f.beyond() == "88M its pages are larger than those of the kernel that was measured");
  f.plan.kernel.config = parse_kernel_config("CONFIG_ARM64_16K_PAGES=y\n");
  CHECK(f.beyond() == "22M its pages are larger than those of the kernel that was measured");
  f.plan.kernel.config = {};
  f.host.files["/sys/class/iommu/smmu3.0x000000002b400000/devices/x"] = "";
  CHECK(f.beyond() == "64M tables and queues of the SMMU");
  f.host.files.clear();
  f.host.files["/proc/meminfo"] =
      "MemTotal: 1 kB\nPercpu:           163840 kB\nHugePages_Total: 0\n";
  f.plan.profile.cmdline_add = {"maxcpus=1"};
  CHECK(f.beyond() == "160M per-CPU areas, which are made for all CPUs here");
  f.plan.profile.cmdline_add = {"nr_cpus=1"};
  f.drives("mlx5_core");
  f.drives("mpt3sas");
  f.drives("ahci");
  CHECK(f.beyond() == "48M queues of mlx5_core, mpt3sas");
}

TEST_CASE("memory need: layers, once for all targets, and none for a disk on the network") {
  Fixture f;
  TargetPlan target;
  target.stack.layers = {*parse_layer("nvme_tcp:transport=tcp,traddr=10.0.0.5,nqn=store")};
  f.plan.targets = {target};
  CHECK(f.beyond().empty());
  target.stack.layers = {*parse_layer("md:0123456789abcdef0123456789abcdef:2:md0")};
  f.plan.targets = {target, target};
  CHECK(f.beyond() == "8M LVM and md, which a target stands on");
  CHECK(needed_bytes(f.plan.profile, memory_need(f.plan, 5 * kMiB)) == 96 * kMiB);
}

TEST_CASE("memory need: a newer kernel that unpacks a large image") {
  Fixture f;
  const auto need = [&f](const char* release, std::uint64_t peak) {
    f.plan.kernel.release = release;
    return needed_bytes(f.plan.profile, memory_need(f.plan, peak)) / kMiB;
  };
  CHECK(need("6.18.15+deb13-amd64", 46 * kMiB) == 128);
  CHECK(need("7.3.4+deb13-amd64", 46 * kMiB) == 136);
  CHECK(need("10.0", 46 * kMiB) == 136);
  CHECK(need("7.3.4+deb13-amd64", 3 * kMiB) == 88);
  CHECK(need("", 46 * kMiB) == 128);
}
