#include "builder/plan/kernel_checks.h"

#include <fmt/format.h>

#include <algorithm>

#include "builder/host/device_drivers.h"
#include "builder/kernel/cmdline.h"

namespace mkcapture {

namespace {

struct Need {
  std::string_view symbol;
  std::string_view reason;
};
// Everything /init and the dump stand on, on every architecture.
constexpr Need kCaptureNeeds[] = {
    {"CRASH_DUMP", "it cannot start in the memory reserved by crashkernel="},
    {"PROC_VMCORE", "there is no /proc/vmcore to save"},
    {"PROC_FS", "there is no /proc"},
    {"SYSFS", "/init finds no device without /sys"},
    {"DEVTMPFS", "nothing makes the device nodes"},
    {"BLK_DEV_INITRD", "it does not unpack the image"},
    {"TMPFS", "there is no file system in memory to work in"},
    {"PRINTK", "the capture could say nothing"},
};

}  // namespace

Status check_kernel(const ModuleSets& sets, Plan& plan) {
  const KernelConfig& config = plan.kernel.config;
  if (plan.kernel.image.empty()) plan.warnings.push_back(no_kernel_image(plan));
  if (!config.known()) {
    plan.notes.push_back(fmt::format(
        "no configuration of kernel {} (boot/config-{}, lib/modules/{}/config, IKCONFIG "
        "in its image): what it can do is not checked",
        plan.kernel.release, plan.kernel.release, plan.kernel.release));
    return {};
  }
  const auto missing = [&](std::string_view symbol, std::string_view reason) {
    return fail(
        fmt::format("kernel {} has no CONFIG_{}: as a capture kernel, {}; choose another one "
                    "with --kernel",
                    plan.kernel.release, symbol, reason));
  };
  for (const auto& need : kCaptureNeeds)
    if (!config.is_set(need.symbol)) return missing(need.symbol, need.reason);
  for (const auto& need : plan.profile.required)
    if (!config.is_set(need.symbol)) return missing(need.symbol, need.reason);
  if (!plan.drivers.modules.empty() && !config.is_set("MODULES"))
    return missing("MODULES", "it loads no driver modules");
  if (!plan.network.ip.empty() || plan.network.dhcp)
    for (const char* set : {"network", "dhcp"})
      if (const ModuleSet* network = sets.find(set))
        for (const auto& symbol : network->kernel)
          if (!config.is_set(symbol)) return missing(symbol, "it has no network");

  for (const auto& want : plan.profile.wanted)
    if (!config.is_set(want.symbol) && !prefers_file_load(plan.profile, config))
      plan.warnings.push_back(fmt::format("kernel {} has no CONFIG_{}: {}", plan.kernel.release,
                                          want.symbol, want.reason));
  if (!config.is_set("KEXEC") && !config.is_set("KEXEC_FILE"))
    plan.warnings.push_back(fmt::format(
        "kernel {} has neither CONFIG_KEXEC nor CONFIG_KEXEC_FILE: where it runs as the system's "
        "kernel, it cannot load a capture kernel",
        plan.kernel.release));
  return {};
}

bool prefers_file_load(const Profile& profile, const KernelConfig& config) {
  const std::string& symbol = profile.kexec_file_load_without;
  return profile.kexec_file_load && !symbol.empty() && config.known() && !config.is_set(symbol) &&
         config.is_set("KEXEC_FILE");
}

std::string no_kernel_image(const Plan& plan) {
  return fmt::format("no kernel image of {} below {}: --kernel-image FILE names one",
                     plan.kernel.release, plan.kernel.root);
}

std::vector<Compressor> usable_compressors(const KernelConfig& config) {
  std::vector<Compressor> usable = {Compressor::kNone};
  if (!config.known()) {
    usable.push_back(Compressor::kGzip);
    return usable;
  }
  for (const auto compressor :
       {Compressor::kGzip, Compressor::kXz, Compressor::kZstd, Compressor::kLz4})
    if (config.is_set(kernel_symbol(compressor))) usable.push_back(compressor);
  return usable;
}

Status choose_compressor(const Request& request, Plan& plan) {
  const KernelConfig& config = plan.kernel.config;
  const auto usable = usable_compressors(config);
  plan.compress.xz_bcj_x86 = plan.profile.xz_filter_x86 && config.is_set("XZ_DEC_X86");
  if (!request.compress) {
    plan.compress.compressor = best_compressor(usable);
    plan.compress_why = config.known() ? "least memory at unpacking of those this kernel knows"
                                       : "the one that every kernel unpacks";
    return {};
  }
  plan.compress.compressor = request.compress->value;
  plan.compress_why = "asked for";
  const bool known_to_kernel =
      std::find(usable.begin(), usable.end(), request.compress->value) != usable.end();
  if (config.known() && !known_to_kernel)
    return usage_error(
        request.compress->origin,
        fmt::format("kernel {} cannot unpack {} (CONFIG_{} is not set)", plan.kernel.release,
                    to_string(request.compress->value), kernel_symbol(request.compress->value)));
  return {};
}

namespace {

// A container sees its own files and another system's kernel.
bool in_container(Host& host) {
  for (const char* sign : {"/run/systemd/container", "/run/.containerenv", "/.dockerenv"})
    if (host.exists(sign)) return true;
  return false;
}

// By the kernel, or by the line that it was started with.
bool in_fips_mode(Host& host) {
  if (fact(host, "/proc/sys/crypto/fips_enabled") == "1") return true;
  const std::string cmdline = fact(host, "/proc/cmdline");
  const auto words = split_cmdline(cmdline);
  return std::any_of(words.begin(), words.end(), [](const auto& word) {
    return cmdline_key(word) == "fips" && cmdline_value(word) != "0";
  });
}

// Why this kernel may refuse a module without a signature; empty where it does not.
std::string signatures_wanted(const Request& request, Host& host, const Plan& plan) {
  const KernelConfig& config = plan.kernel.config;
  if (enforces_signatures(config, host, plan.this_machine))
    return "the kernel loads no module without one";
  if (config.known() && !config.is_set("MODULE_SIG")) return "";
  if (plan.this_machine && in_fips_mode(host)) return "this machine is in FIPS mode";
  for (const auto& word : split_cmdline(request.append))
    for (const char* key : {"fips", "lockdown", "module.sig_enforce"})
      if (cmdline_key(word) == key) return "--append has " + word;
  if (!plan.this_machine || request.root != "/")
    return "the machine that it is for may load none without";
  if (in_container(host)) return "built in a container, which does not see what the machine wants";
  return "";
}

}  // namespace

void choose_signatures(const Request& request, Host& host, Plan& plan) {
  const std::string wanted = signatures_wanted(request, host, plan);
  plan.signatures_why = request.signatures == Signatures::kAuto   ? wanted
                        : request.signatures == Signatures::kKeep ? "asked for"
                                                                  : "";
  plan.image.signatures =
      plan.signatures_why.empty() ? SignaturePolicy::kDrop : SignaturePolicy::kKeep;
  if (request.signatures == Signatures::kDrop &&
      enforces_signatures(plan.kernel.config, host, plan.this_machine))
    plan.warnings.push_back(
        "--signatures drop: the kernel loads no module without one, and the capture will have "
        "none");
}

bool enforces_signatures(const KernelConfig& config, Host& host, bool this_machine) {
  if (config.is_set("MODULE_SIG_FORCE") || config.is_set("LOCK_DOWN_KERNEL_FORCE_INTEGRITY") ||
      config.is_set("LOCK_DOWN_KERNEL_FORCE_CONFIDENTIALITY"))
    return true;
  if (!this_machine) return false;
  // "none [integrity] confidentiality"
  const std::string lockdown = fact(host, "/sys/kernel/security/lockdown");
  const bool locked_down =
      lockdown.find('[') != std::string::npos && lockdown.find("[none]") == std::string::npos;
  return locked_down || fact(host, "/sys/module/module/parameters/sig_enforce") == "Y";
}

}  // namespace mkcapture
