#include <fmt/format.h>

#include <algorithm>

#include "builder/plan/kernel_checks.h"
#include "builder/plan/kexec.h"
#include "builder/plan/memory_need.h"
#include "builder/print/print.h"
#include "init/base/units.h"
#include "init/contract/init_program.h"
#include "init/contract/module_options.h"

namespace mkcapture {

namespace {

// A heading and its lines, indented.
class Section {
 public:
  Section(std::string& out, std::string_view title) : out_(out) {
    out_ += fmt::format("{}{}\n", out_.empty() ? "" : "\n", title);
  }
  template <class... Args>
  void line(fmt::format_string<Args...> format, Args&&... args) {
    out_ += "  " + fmt::format(format, std::forward<Args>(args)...) + "\n";
  }
  void columns(std::string_view left, int width, std::string_view right) {
    std::string text = fmt::format("  {:<{}}  {}", left, width, right);
    while (text.ends_with(' '))
      text.pop_back();
    out_ += text + "\n";
  }

 private:
  std::string& out_;
};

// Whole MiB, as crashkernel= is written.
std::string megabytes(std::uint64_t bytes) {
  return fmt::format("{}M", (bytes + (1 << 20) - 1) >> 20);
}

void print_kernel(const Plan& plan, std::string& out) {
  Section section(out, "Kernel");
  section.line("release        {}", plan.kernel.release);
  section.line("image          {}", plan.kernel.image.empty() ? "not found" : plan.kernel.image);
  section.line("configuration  {}",
               plan.kernel.config_path.empty() ? "not found" : plan.kernel.config_path);
  section.line("profile        {}{}", plan.profile.name,
               plan.elsewhere.empty() ? "" : ", " + plan.elsewhere);
}

void print_targets(const Plan& plan, std::string& out) {
  Section section(out, plan.targets.size() > 1 ? "Targets, tried in this order" : "Target");
  int number = 0;
  for (const auto& target : plan.targets) {
    section.line("{}. {}", ++number, to_string(target.spec));
    if (!target.how.empty()) section.line("   {}", target.how);
    const auto server = needs(target.spec).server;
    const bool net = server.has_value();
    if (server && !target.address.empty() && target.address != server->host)
      section.line("   {} is {} now, and stays so in the image", server->host, target.address);
    const bool device = needs(target.spec).device.has_value();
    std::string where = target.where;
    if (target.here && device) where = "on this machine: " + where;
    if (!target.here && (net || device))
      where = net ? "the way there is found at the capture"
                  : "not on this machine: found at the capture";
    if (!target.filesystem.empty()) where += ", " + target.filesystem;
    section.line("   {}", where);
    for (const auto& line : target.stack.tree)
      section.line("     {}", line);
    for (const auto& channel : target.ccw_devices)
      section.line("   channel device {}", to_string(channel));
  }
}

bool uses_network(const Plan& plan) {
  return std::any_of(plan.targets.begin(), plan.targets.end(),
                     [](const auto& target) { return target.server.has_value(); });
}

void print_network(const Plan& plan, std::string& out) {
  const auto& net = plan.network;
  if (!uses_network(plan)) return;
  Section section(out, "Network");
  for (const auto& bond : net.bond)
    section.line("bond={}", to_string(bond));
  for (const auto& vlan : net.vlan)
    section.line("vlan={}", to_string(vlan));
  for (const auto& ip : net.ip)
    section.line("ip={}", to_string(ip));
  for (const auto& route : net.route)
    section.line("route={}", to_string(route));
  if (net.ip.empty()) section.line("DHCP on the first card with a link");
  for (const auto& nic : net.nics)
    section.line("{} is {}", nic.mac, nic.name);
}

std::string modules(std::size_t count) {
  return fmt::format("{} module{}", count, count == 1 ? "" : "s");
}

// "needed by ext4" of "jbd2: needed by ext4".
std::string_view without_name(std::string_view reason, const std::string& name) {
  if (reason.starts_with(name + ": ")) reason.remove_prefix(name.size() + 2);
  return reason;
}

void print_drivers(const Plan& plan, std::string& out) {
  Section section(out, fmt::format("Drivers ({})", plan.drivers_words));
  std::size_t width = 0;
  for (const auto& module : plan.drivers.modules)
    width = std::max(width, module.name.size());
  for (const auto& builtin : plan.drivers.builtin)
    width = std::max(width, builtin.name.size());
  const int columns = static_cast<int>(std::min<std::size_t>(width, 24));
  std::uint64_t bytes = 0;
  for (const auto& module : plan.drivers.modules) {
    const std::string options =
        joined_options(module.params, module_options(plan.kexec.append, module.name));
    section.columns(module.name, columns,
                    std::string(without_name(module.reason, module.name)) +
                        (options.empty() ? "" : ", with " + options));
    bytes += module.file_bytes;
  }
  for (const auto& builtin : plan.drivers.builtin)
    section.columns(
        builtin.name, columns,
        std::string(without_name(builtin.reason, builtin.name)) + " (built into the kernel)");
  section.line("{}, {} as files of the kernel{}", modules(plan.drivers.modules.size()),
               format_size(bytes),
               plan.signatures_why.empty()
                   ? ""
                   : fmt::format("; kept whole with their signatures: {}", plan.signatures_why));
  for (const char* driver_class : {"storage", "net", "fs"}) {
    std::uint64_t class_bytes = 0;
    std::size_t count = 0;
    for (const auto& module : plan.drivers.modules) {
      if (module.driver_class != driver_class) continue;
      class_bytes += module.file_bytes;
      ++count;
    }
    if (count > 0)
      section.line("  of these {}: {}, {}", driver_class, modules(count), format_size(class_bytes));
  }
  if (!plan.filesystems.empty()) {
    std::string types;
    for (const auto& entry : plan.filesystems)
      types += (types.empty() ? "" : ", ") + entry.type;
    section.line("file systems that can be mounted: {}", types);
  }
  if (!plan.image.programs.empty())
    section.line("programs: init, {}", fmt::join(plan.image.programs, ", "));
  for (const auto& file : plan.image.files)
    section.line("added: {}{}", file.source,
                 file.destination.empty() ? "" : " as " + file.destination);
}

// What ends a kernel that spins, and what the capture does about a timer that counts already.
std::string watchdog_words(const Plan& plan) {
  const auto& watchdog = plan.fed_watchdogs;
  if (watchdog.autoload)
    return "what the machine has is fed until the deadline, found by its device";
  std::vector<std::string> names;
  for (const auto& one : plan.watchdogs)
    names.push_back(one.identity.empty() ? one.name
                                         : fmt::format("{} ({})", one.name, one.identity));
  const bool fed =
      !watchdog.drivers.empty() || plan.drivers_words.find("host") != std::string::npos;
  if (!names.empty() && fed)
    return fmt::format("{}: fed until the deadline, then it resets the machine",
                       fmt::join(names, ", "));
  if (!names.empty())
    return fmt::format("{} of this machine is not fed: add watchdog to --drivers",
                       fmt::join(names, ", "));
  const auto& config = plan.kernel.config;
  if (config.known() && !config.is_set("SOFTLOCKUP_DETECTOR"))
    return "none known, and the kernel has no CONFIG_SOFTLOCKUP_DETECTOR: nothing ends a driver "
           "that spins";
  return "none known: the kernel's lockup detectors end a driver that spins, within 3min";
}

void print_capture(const Plan& plan, std::string& out) {
  const auto& capture = plan.capture;
  Section section(out, "Capture");
  section.line("dump      {}, level {}, {}", to_string(capture.dump.format), capture.dump.level,
               capture.dump.codec == DumpCodec::kNone
                   ? "not compressed"
                   : fmt::format("compressed with {}", to_string(capture.dump.codec)));
  if (plan.filter)
    section.line("filter    {} of {} pages differ from what this kernel says of them",
                 plan.filter->differ(), plan.filter->pages());
  if (capture.keep != 0) section.line("keep      the newest {} of this host", capture.keep);
  if (capture.reserve) section.line("reserve   {} stay free", format_size(*capture.reserve));
  section.line("limits    {} for the whole{}, {} for a target to become ready, {} without progress",
               format_duration(capture.deadline),
               capture.deadline_extends ? " (a dump that moves goes on)" : "",
               format_duration(capture.wait), format_duration(capture.stall));
  section.line("then      {}; {} where no target has the dump", to_string(capture.final_action),
               to_string(capture.on_failure));
  section.line("watchdog  {}", watchdog_words(plan));
  section.line("shell     {}", capture.shell ? "yes, with capture.shell" : "none in the image");
}

void print_image(const Plan& plan, const ImageSizes& sizes, std::string& out) {
  Section section(out, "Image");
  section.line("file           {}, mode 0600", plan.output);
  section.line("init           {}",
               plan.image.init == kInitOnlyDisks ? "for disks alone, without network, LVM and md"
               : plan.image.init == kInitWithoutLayers ? "with network, without LVM and md"
                                                       : "with network, LVM and md");
  section.line("compression    {}: {}", to_string(plan.compress.compressor), plan.compress_why);
  section.line("size           {} packed, {} unpacked in memory", format_size(sizes.image_bytes),
               format_size(sizes.rootfs_bytes));
  section.line("at unpacking   {} at the worst moment", format_size(sizes.peak_bytes()));
}

// "2G", "512M": as crashkernel= has it.
std::string power_size(std::uint64_t bytes) {
  constexpr std::string_view kUnits = "KMGT";
  for (int unit = 3; unit > 0; --unit)
    if (const std::uint64_t one = std::uint64_t{1} << (10 * (unit + 1)); bytes % one == 0)
      return bytes == 0 ? "0" : fmt::format("{}{}", bytes / one, kUnits[unit]);
  return fmt::format("{}K", bytes >> 10);
}

// The ranges of the profile, none below what the image needs.
std::string recommended_ranges(const Profile& profile, ImageNeed image) {
  std::string ranges;
  for (const auto& range : profile.crashkernel)
    ranges += fmt::format("{}{}-{}:{}", ranges.empty() ? "" : ",", power_size(range.from),
                          range.to == ~std::uint64_t{0} ? "" : power_size(range.to),
                          megabytes(recommended_bytes(profile, range.from, image)));
  return ranges;
}

void print_crashkernel(const Plan& plan, const ImageSizes& sizes, std::string& out) {
  const ImageNeed image = memory_need(plan, sizes.peak_bytes());
  const std::uint64_t needed = needed_bytes(plan.profile, image);
  const auto& crash = plan.crashkernel;
  Section section(out, "Memory for the capture kernel");
  section.line("least          crashkernel={}", megabytes(needed));
  for (const auto& more : crash.beyond)
    section.line("               {} of it assumed: {}", megabytes(more.bytes), more.why);
  if (crash.ram == 0) {
    section.line("recommended    crashkernel={}", recommended_ranges(plan.profile, image));
    return;
  }
  const std::string recommended = megabytes(recommended_bytes(plan.profile, crash.ram, image));
  section.line("recommended    crashkernel={} with the {} of this machine", recommended,
               format_size(crash.ram));
  const auto& request = crash.request;
  if (request.text.empty())
    section.line(
        "asked for      nothing: add crashkernel={} to the kernel's command line and reboot",
        recommended);
  else if (!request.error.empty())
    section.line("asked for      {}, which the kernel will not understand: {}", request.text,
                 request.error);
  else
    section.line("asked for      {}: {} here{}", request.text, megabytes(request.bytes),
                 request.bytes < needed ? ", too little for this image" : "");
  if (crash.reserved)
    section.line("reserved now   {}{}", megabytes(*crash.reserved),
                 *crash.reserved < needed ? ", too little for this image" : "");
}

std::string load_words(const Plan& plan) {
  return plan.kernel.image.empty() ? no_kernel_image(plan) : kexec_line(plan);
}

void print_list(std::string_view title, const std::vector<std::string>& lines, std::string& out) {
  if (lines.empty()) return;
  Section section(out, title);
  for (const auto& text : lines)
    section.line("{}", text);
}

}  // namespace

std::string print_plan(const Plan& plan, const ImageSizes& sizes) {
  std::string out;
  print_kernel(plan, out);
  print_targets(plan, out);
  print_network(plan, out);
  print_drivers(plan, out);
  print_capture(plan, out);
  print_image(plan, sizes, out);
  print_crashkernel(plan, sizes, out);
  {
    Section section(out, fmt::format("Command line (from {})", plan.kexec.cmdline_origin));
    section.line("{}", plan.kexec.append);
    std::vector<std::string> words;
    for (const auto& left_out : plan.kexec.left_out)
      words.push_back(left_out.word);
    if (!words.empty())
      section.line("left out (--print append -v tells why): {}", fmt::join(words, " "));
  }
  {
    Section section(out, "To load it");
    section.line("{}", load_words(plan));
  }
  print_list("Notes", plan.notes, out);
  print_list("Warnings", plan.warnings, out);
  return out;
}

std::string print_left_out(const Plan& plan) {
  std::size_t width = 0;
  for (const auto& left_out : plan.kexec.left_out)
    width = std::max(width, left_out.word.size());
  std::string out;
  for (const auto& [word, reason] : plan.kexec.left_out)
    out += fmt::format("# left out: {:<{}}  {}\n", word, width, reason);
  return out;
}

std::string print_warnings(const Plan& plan) {
  std::string out;
  for (const auto& warning : plan.warnings)
    out += fmt::format("mkcapture: warning: {}\n", warning);
  return out;
}

std::string print_summary(const Plan& plan, const ImageSizes& sizes) {
  std::string out = fmt::format("{}: {}, {} unpacked, kernel {}, {}\n", plan.output,
                                format_size(sizes.image_bytes), format_size(sizes.rootfs_bytes),
                                plan.kernel.release, modules(plan.drivers.modules.size()));
  for (const auto& target : plan.targets)
    out += fmt::format("  {}\n", to_string(target.spec));
  out += fmt::format("load it with\n  {}\n", load_words(plan));
  return out;
}

}  // namespace mkcapture
