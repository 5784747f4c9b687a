#include "builder/plan/kexec.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "builder/host/device_drivers.h"
#include "builder/kernel/cmdline.h"
#include "builder/kernel/kernel_image.h"
#include "builder/plan/kernel_checks.h"
#include "init/base/units.h"
#include "init/contract/module_options.h"

namespace mkcapture {

namespace {

constexpr std::size_t kMaxKernelImage = 64 << 20;

// The bytes of "System RAM" in /proc/iomem; 0 where the kernel shows zeros to this user.
std::uint64_t ram_in_iomem(std::string_view text) {
  std::uint64_t total = 0;
  while (!text.empty()) {
    const auto end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    const auto dash = line.find('-'), colon = line.find(" : ");
    // Indented lines are parts of the range above them.
    if (!line.starts_with(' ') && colon != std::string_view::npos && dash < colon &&
        line.substr(colon + 3) == "System RAM") {
      const auto first = parse_number(line.substr(0, dash), 16);
      const auto last = parse_number(line.substr(dash + 1, colon - dash - 1), 16);
      if (first && last && *last > *first) total += *last - *first + 1;
    }
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return total;
}

bool signed_kexec_only(const KernelConfig& config, Host& host, bool this_machine) {
  if (config.is_set("KEXEC_SIG_FORCE")) return true;
  return this_machine && enforces_signatures({}, host, true);
}

// "-s" (kexec_file_load) where it is the only way, or the only one that works.
bool needs_file_load(Host& host, const Plan& plan) {
  if (!plan.profile.kexec_file_load) return false;
  const KernelConfig& config = plan.kernel.config;
  const bool only_file = config.known() && !config.is_set("KEXEC") && config.is_set("KEXEC_FILE");
  return only_file || prefers_file_load(plan.profile, config) ||
         signed_kexec_only(config, host, plan.this_machine);
}

// "{image_size}" of an option: what the kernel takes while it unpacks itself. Too much costs room
// in the reservation and no memory, too little the capture: where the image does not tell, four
// times its size, at least 32 MiB.
void fill_image_size(Host& host, std::string& option, const std::string& image) {
  constexpr std::string_view kPlace = "{image_size}";
  constexpr std::uint64_t kLeast = std::uint64_t{32} << 20;
  const auto at = option.find(kPlace);
  if (at == std::string::npos) return;
  const auto file = host.read_whole(image, kMaxKernelImage);
  const std::uint64_t size = file ? file->size() : 0;
  const auto told = zimage_memory(file ? std::string_view(*file) : std::string_view());
  option.replace(at, kPlace.size(), fmt::format("{}", told.value_or(std::max(kLeast, 4 * size))));
}

// A command that makes a longer copy of the kernel, and its path; the kernel itself where it is
// long enough.
std::string covering_image(Host& host, const Plan& plan, std::string& prepare) {
  if (!plan.profile.kexec_pads_bzimage) return plan.kernel.image;
  const auto file = host.read_whole(plan.kernel.image, kMaxKernelImage);
  const auto shortfall = file ? bzimage_shortfall(*file) : std::nullopt;
  if (!shortfall || *shortfall == 0) return plan.kernel.image;
  const std::string copy = "/run/mkcapture-kernel";
  prepare = fmt::format("{{ cat {}; dd if=/dev/zero bs=1048576 count={} 2>/dev/null; }} > {} && ",
                        shell_quote(plan.kernel.image), *shortfall >> 20, copy);
  return copy;
}

// The kernel as kexec takes it: of a UKI that part alone.
std::string loadable_image(Host& host, const Plan& plan, std::string& prepare) {
  if (!plan.kernel.linux_part) return covering_image(host, plan, prepare);
  const std::string copy = "/run/mkcapture-kernel";
  prepare = fmt::format("tail -c +{} {} | head -c {} > {} && ", plan.kernel.linux_part->offset + 1,
                        shell_quote(plan.kernel.image), plan.kernel.linux_part->size, copy);
  return copy;
}

std::vector<std::string> kexec_options(Host& host, const Plan& plan) {
  const Profile& profile = plan.profile;
  const KernelConfig& config = plan.kernel.config;
  std::vector<std::string> options = profile.kexec_options;
  const auto add = [&](const std::vector<ConfigOptions>& conditional, bool when_set) {
    for (const auto& [symbol, more] : conditional)
      if (config.known() && config.is_set(symbol) == when_set)
        options.insert(options.end(), more.begin(), more.end());
  };
  add(profile.kexec_options_with, true);
  add(profile.kexec_options_without, false);
  for (auto& option : options)
    fill_image_size(host, option, plan.kernel.image);
  const bool has_it = std::find(options.begin(), options.end(), "-s") != options.end();
  if (!has_it && needs_file_load(host, plan)) options.insert(options.begin(), "-s");
  return options;
}

// The newer of what kernels and kexec-tools can do: the kernel itself tells a loaded image of
// memory and CPUs that come and go.
void follow_hotplug(Host& host, const Plan& plan, std::vector<std::string>& options) {
  const bool by_file = std::find(options.begin(), options.end(), "-s") != options.end();
  if (by_file || !plan.kernel.config.is_set("CRASH_HOTPLUG")) return;
  const auto help = host.run({"kexec", "--help"});
  if (help && help->find("--hotplug") != std::string::npos)
    options.insert(options.begin(), "--hotplug");
}

// "disable_cpu_apicid=N" with the boot CPU's number: the first in /proc/cpuinfo. Empty where it is
// not told.
std::string without_boot_cpu(std::string_view cpuinfo) {
  constexpr std::string_view kKey = "initial apicid";
  const auto key = cpuinfo.find(kKey);
  const auto line = cpuinfo.substr(std::min(key, cpuinfo.size()));
  const auto colon = line.find(": "), end = line.find('\n');
  if (key == std::string_view::npos || colon > end) return "";
  const auto number = parse_number(line.substr(colon + 2, end - colon - 2));
  return number ? fmt::format("disable_cpu_apicid={}", *number) : "";
}

// crashkernel=SIZE@ADDRESS: the capture kernel does not start from any address.
void check_alignment(std::string_view cmdline, Plan& plan) {
  const std::uint64_t alignment = plan.profile.crashkernel_alignment;
  for (const auto& word : split_cmdline(cmdline)) {
    if (cmdline_key(word) != "crashkernel" || alignment == 0) continue;
    const auto value = parse_crashkernel(cmdline_value(word));
    if (value && value->offset % alignment != 0)
      plan.warnings.push_back(
          fmt::format("{}: the address must be a multiple of {}M", word, alignment >> 20));
  }
}

// A dump that the administrator's own deadline would end: by the part of the memory that such a
// level keeps and a rate that a disk or a link of 1 Gb/s has.
void check_deadline(const Request& request, Plan& plan) {
  constexpr std::uint64_t kRate = 100'000'000;  // bytes a second
  constexpr int kWithoutUserPages = 8;          // makedumpfile's -d 8
  if (!request.deadline_origin || plan.crashkernel.ram == 0) return;
  const bool kernel_alone = (request.dump.level & kWithoutUserPages) != 0;
  const std::uint64_t bytes = plan.crashkernel.ram / (kernel_alone ? 4 : 1);
  const Milliseconds takes = std::chrono::seconds(bytes / kRate);
  if (takes <= request.deadline) return;
  plan.warnings.push_back(fmt::format(
      "{}: {} end a dump of this machine that takes longer: {} of memory, {}100 MB/s, may take {}",
      *request.deadline_origin, format_duration(request.deadline),
      format_size(plan.crashkernel.ram), kernel_alone ? "a quarter of it kept, " : "",
      format_duration(takes)));
}

// The command is copied into units and scripts that run in another folder.
std::string absolute(Host& host, const std::string& path) {
  if (path.starts_with('/')) return path;
  const auto folder = host.real_path(".");
  return folder ? *folder + "/" + path : path;
}

}  // namespace

std::string kexec_fact(Host& host, const std::string& name) {
  const std::string there = fact(host, "/sys/kernel/kexec/" + name);
  return there.empty() ? fact(host, "/sys/kernel/kexec_" + name) : there;
}

std::uint64_t machine_ram(Host& host) {
  const auto iomem = host.read_file("/proc/iomem");
  if (const std::uint64_t ram = ram_in_iomem(iomem ? *iomem : ""); ram != 0) return ram;
  const std::string meminfo = fact(host, "/proc/meminfo");
  const auto at = meminfo.find("MemTotal:");
  if (at == std::string::npos) return 0;
  return std::strtoull(meminfo.c_str() + at + 9, nullptr, 10) * 1024;
}

Status plan_kexec(const Request& request, Host& host, Plan& plan) {
  const bool own_kernel = plan.this_machine && request.root == "/";
  std::string running;
  if (own_kernel) running = fact(host, "/proc/cmdline");
  if (running.empty()) {
    const auto appended = split_cmdline(request.append);
    const bool has_console = std::any_of(appended.begin(), appended.end(), [](const auto& word) {
      return cmdline_key(word) == "console";
    });
    if (!has_console) running = plan.profile.console;
    plan.kexec.cmdline_origin = own_kernel ? "the profile: /proc/cmdline cannot be read"
                                           : "the profile: the kernel is not this machine's";
  } else {
    plan.kexec.cmdline_origin = "/proc/cmdline";
  }
  std::vector<std::string> add = plan.profile.cmdline_add;
  if (plan.profile.boot_apicid && own_kernel)
    if (auto word = without_boot_cpu(fact(host, "/proc/cpuinfo")); !word.empty())
      add.push_back(std::move(word));
  if (plan.other_ccw_devices_hidden) add.push_back("cio_ignore=all,!condev");
  for (const auto& [line, name] :
       {std::pair<std::string_view, const char*>{running, "/proc/cmdline"},
        {request.append, "--append"}})
    if (has_open_quote(line))
      plan.warnings.push_back(fmt::format(
          "{} has a double quote without its partner: it is closed at the end of the line", name));
  auto remove = plan.profile.cmdline_remove;
  for (const auto& [wish, origin] : request.module_option)
    remove.push_back(
        {fmt::format("{}.{}", wish.module, wish.option.substr(0, wish.option.find('='))),
         origin + " sets it"});
  auto cmdline = capture_cmdline(running, remove, add,
                                 joined_options(request.append, plan.kexec.builtin_options));
  plan.kexec.append = std::move(cmdline.line);
  plan.kexec.left_out = std::move(cmdline.left_out);
  if (plan.kexec.append.size() >= kMaxCmdline)
    plan.warnings.push_back(fmt::format("the command line has {} bytes; kernels cut it off at {}",
                                        plan.kexec.append.size(), kMaxCmdline));

  auto& argv = plan.kexec.argv;
  argv = {"kexec", "-p"};
  auto options = kexec_options(host, plan);
  if (own_kernel) follow_hotplug(host, plan, options);
  argv.insert(argv.end(), options.begin(), options.end());
  argv.push_back(loadable_image(host, plan, plan.kexec.prepare));
  argv.push_back("--initrd=" + absolute(host, plan.output));
  argv.push_back("--append=" + plan.kexec.append);

  if (!own_kernel) return {};
  const std::string own_cmdline = fact(host, "/proc/cmdline");
  check_alignment(own_cmdline, plan);
  plan.crashkernel.ram = machine_ram(host);
  plan.crashkernel.request = crashkernel_of_cmdline(own_cmdline, plan.crashkernel.ram);
  if (const auto size = parse_number(kexec_fact(host, "crash_size")))
    plan.crashkernel.reserved = *size;
  check_deadline(request, plan);
  return {};
}

std::string kexec_line(const Plan& plan) {
  std::string line = plan.kexec.prepare;
  for (const auto& arg : plan.kexec.argv) {
    if (!line.empty() && !line.ends_with(' ')) line += ' ';
    // --append="..." is how everybody writes it, and the double quotes do where nothing in it is
    // special to the shell.
    const auto equals = arg.find('=');
    const bool plain = arg.find_first_of("\"$`\\!") == std::string::npos;
    if (arg.starts_with("--append=") && plain)
      line += fmt::format("{}=\"{}\"", arg.substr(0, equals), arg.substr(equals + 1));
    else
      line += shell_quote(arg);
  }
  return line;
}

}  // namespace mkcapture
