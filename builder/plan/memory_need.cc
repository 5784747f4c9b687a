#include "builder/plan/memory_need.h"

#include <fmt/format.h>

#include <algorithm>

#include "builder/host/device_drivers.h"
#include "builder/kernel/cmdline.h"
#include "init/base/text.h"
#include "init/base/units.h"

namespace mkcapture {

namespace {

constexpr std::uint64_t kMiB = 1 << 20;

// Bounce buffers of a kernel whose own memory devices cannot read (kernel/dma/swiotlb.c,
// IO_TLB_DEFAULT_SIZE); without encryption a capture kernel below 4 GiB has none.
constexpr std::uint64_t kBounceBuffers = 64 * kMiB;
// Stream tables, command and event queues of an SMMU, and the mappings of what it translates.
constexpr std::uint64_t kSmmu = 64 * kMiB;
// Code and pools of device-mapper and md. Measured with LVM on an md mirror (x86_64, Linux 6.1): it
// needs 96M where the plain disk needs 88M (qemu/smallest_crashkernel lvm-raid1 disk).
constexpr std::uint64_t kLayers = 8 * kMiB;
// While a large image is unpacked, kernels of 7.x test their ciphers, and have more free pages on
// the lists of the CPU, where unpacking cannot get at them. Measured with all drivers in the image
// (x86_64): 7.3 does with 128M once of twice, 6.12 with 112M (qemu/smallest_crashkernel generic).
constexpr std::uint64_t kLargePeak = 24 * kMiB;
constexpr std::uint64_t kUnpackingOfNewer = 8 * kMiB;
// A driver that sizes queues, rings or firmware memory for a server's load.
constexpr std::uint64_t kGreedyDriver = 24 * kMiB;
constexpr const char* kGreedyDrivers[] = {
    "mlx4_core", "mlx5_core", "bnxt_en",      "bnx2x",   "i40e", "ice",      "qede",
    "cxgb4",     "be2net",    "hinic",        "qla2xxx", "lpfc", "bfa",      "qedf",
    "fnic",      "mpt3sas",   "megaraid_sas", "mpi3mr",  "hpsa", "smartpqi", "aacraid",
};

// Pages that are larger than those of the kernel that the profile was measured with cost more of
// everything: stacks, slabs, per-CPU areas, each small file of the image.
std::uint64_t for_page_size(const Plan& plan) {
  const KernelConfig& config = plan.kernel.config;
  if (config.is_set("ARM64_64K_PAGES")) return plan.profile.kernel_memory;
  if (config.is_set("ARM64_16K_PAGES")) return plan.profile.kernel_memory / 4;
  return 0;
}

std::uint64_t for_release(std::string_view release, std::uint64_t peak) {
  const auto major = parse_number(release.substr(0, release.find('.')));
  return major && *major >= 7 && peak > kLargePeak ? kUnpackingOfNewer : 0;
}

bool has_flag(std::string_view cpuinfo, std::string_view flag) {
  const auto at = std::min(cpuinfo.find("\nflags"), cpuinfo.size());
  std::string_view line = cpuinfo.substr(at);
  line = line.substr(0, line.find('\n', 1));
  for (const auto word : split(line, ' '))
    if (word == flag) return true;
  return false;
}

// What encrypts this machine's memory; empty where nothing does, or nothing tells.
std::string memory_encryption(Host& host, const KernelConfig& config) {
  const std::string cpuinfo = host.read_file("/proc/cpuinfo").value_or("");
  if (has_flag(cpuinfo, "tdx_guest")) return "TDX";
  // A host's processor has the flag as well; a guest sees it only where it is one.
  if (has_flag(cpuinfo, "hypervisor") && has_flag(cpuinfo, "sev")) return "SEV";
  if (fact(host, "/sys/firmware/uv/prot_virt_guest") == "1") return "secure execution";
  if (fact(host, "/sys/devices/system/cpu/svm") == "1") return "a protected guest";
  std::string_view wanted = config.is_set("AMD_MEM_ENCRYPT_ACTIVE_BY_DEFAULT") ? "on" : "off";
  const std::string cmdline = fact(host, "/proc/cmdline");
  const auto words = split_cmdline(cmdline);
  for (const auto& word : words)
    if (cmdline_key(word) == "mem_encrypt") wanted = cmdline_value(word);
  return wanted == "on" && has_flag(cpuinfo, "sme") ? "SME" : "";
}

bool has_mapped_layers(const TargetPlan& target) {
  return std::any_of(target.stack.layers.begin(), target.stack.layers.end(), [](const auto& layer) {
    return layer.kind == StorageLayer::Kind::kLvm || layer.kind == StorageLayer::Kind::kMd;
  });
}

// Per-CPU areas of all processors, where the profile bounds only how many are started.
std::uint64_t per_cpu_areas(Host& host, const Profile& profile) {
  const bool bounded = std::any_of(profile.cmdline_add.begin(), profile.cmdline_add.end(),
                                   [](const auto& word) { return word == "nr_cpus=1"; });
  if (bounded) return 0;
  const std::string meminfo = fact(host, "/proc/meminfo");
  for (auto line : split(meminfo, '\n'))
    if (consume(line, "Percpu:")) {
      const auto kilobytes = parse_number(trim(line.substr(0, line.find("kB"))));
      return kilobytes ? *kilobytes << 10 : 0;
    }
  return 0;
}

}  // namespace

void plan_memory(Host& host, Plan& plan) {
  auto& beyond = plan.crashkernel.beyond;
  const auto add = [&](std::uint64_t bytes, std::string why) {
    if (bytes != 0) beyond.push_back({bytes, std::move(why)});
  };
  add(for_page_size(plan), "its pages are larger than those of the kernel that was measured");
  if (!plan.this_machine) return;
  if (const auto how = memory_encryption(host, plan.kernel.config); !how.empty())
    add(kBounceBuffers, fmt::format("bounce buffers, as memory is encrypted here ({})", how));
  for (const auto& iommu : host.list_dir("/sys/class/iommu").value_or({}))
    if (iommu.starts_with("smmu")) {
      add(kSmmu, "tables and queues of the SMMU");
      break;
    }
  add(per_cpu_areas(host, plan.profile), "per-CPU areas, which are made for all CPUs here");
  if (std::any_of(plan.targets.begin(), plan.targets.end(), has_mapped_layers))
    add(kLayers, "LVM and md, which a target stands on");
  std::vector<std::string> greedy;
  for (const auto& module : plan.drivers.modules)
    for (const auto& target : plan.targets)
      if (const bool drives =
              std::any_of(target.drivers.begin(), target.drivers.end(),
                          [&](const auto& driver) { return driver.module == module.name; });
          drives && std::find(greedy.begin(), greedy.end(), module.name) == greedy.end() &&
          std::find(std::begin(kGreedyDrivers), std::end(kGreedyDrivers), module.name) !=
              std::end(kGreedyDrivers))
        greedy.push_back(module.name);
  add(greedy.size() * kGreedyDriver, fmt::format("queues of {}", fmt::join(greedy, ", ")));
}

ImageNeed memory_need(const Plan& plan, std::uint64_t peak) {
  ImageNeed need{peak, std::any_of(plan.targets.begin(), plan.targets.end(),
                                   [](const auto& target) { return target.server.has_value(); })};
  for (const auto& more : plan.crashkernel.beyond)
    need.machine += more.bytes;
  need.machine += for_release(plan.kernel.release, peak);
  return need;
}

}  // namespace mkcapture
