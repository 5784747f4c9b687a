#include "builder/service/boot_loader.h"

#include <fmt/format.h>

#include <algorithm>

#include "builder/kernel/cmdline.h"
#include "builder/plan/memory_need.h"
#include "builder/plan/pack.h"
#include "builder/service/capture_kernel.h"
#include "init/base/units.h"

namespace mkcapture {

namespace {

constexpr const char* kKernelCmdline = "/etc/kernel/cmdline";

struct Advice {
  std::string value;  // "192M"
  std::string why;
  std::uint64_t bytes = 0;
  CrashkernelPlan now;
};

std::uint64_t mebibytes(std::uint64_t bytes) {
  return (bytes + (1 << 20) - 1) >> 20;
}

Result<Advice> advise(const Wanted& wanted, Host& host) {
  const auto plan = make_plan(wanted.request, host, PlanFor::kImage);
  if (!plan) return Error(plan.error());
  if (plan->crashkernel.ram == 0)
    return fail(
        "this is about the machine that mkcapture runs on: without --profile of another "
        "and without --root");
  auto packed = pack(host, *plan);
  if (!packed) return std::move(packed).error();
  const ImageNeed need = memory_need(*plan, packed->sizes.peak_bytes());
  Advice advice;
  advice.bytes = recommended_bytes(plan->profile, plan->crashkernel.ram, need);
  advice.value = fmt::format("{}M", mebibytes(advice.bytes));
  advice.why = fmt::format(
      "the kernel and an image of {} need {}M at least; for the {} of this "
      "machine, with room for its drivers, {}",
      format_size(packed->sizes.image_bytes), mebibytes(needed_bytes(plan->profile, need)),
      format_size(plan->crashkernel.ram), advice.value);
  for (const auto& more : plan->crashkernel.beyond)
    advice.why += fmt::format("\n  {}M of it are assumed for {}", mebibytes(more.bytes), more.why);
  advice.now = plan->crashkernel;
  return advice;
}

std::string advice_text(const Advice& advice) {
  const auto& request = advice.now.request;
  return fmt::format(
      "crashkernel={}\n  {}\n  asked for now: {}; reserved now: {}\n", advice.value, advice.why,
      request.text.empty() ? "nothing" : request.text,
      advice.now.reserved ? fmt::format("{}M", mebibytes(*advice.now.reserved)) : "not known");
}

bool has_program(Host& host, const std::string& name) {
  const char* const folders[] = {"/usr/sbin/", "/usr/bin/", "/sbin/", "/bin/"};
  return std::any_of(std::begin(folders), std::end(folders),
                     [&](const char* folder) { return host.exists(folder + name); });
}

// GRUB's defaults are read before their drop-ins, and those by name. What was asked for so far is
// taken out: of two crashkernel= the kernel takes the last one, and which that is should not
// matter.
std::string grub_drop_in(const std::string& value) {
  return fmt::format(
      "# Written by mkcapture crashkernel --apply. Remove it and run update-grub to undo it.\n"
      "GRUB_CMDLINE_LINUX=\"$(echo \"$GRUB_CMDLINE_LINUX\" | sed 's/ *crashkernel=[^ ]*//g')\"\n"
      "GRUB_CMDLINE_LINUX_DEFAULT=\"$(echo \"$GRUB_CMDLINE_LINUX_DEFAULT\" |\n"
      "  sed 's/ *crashkernel=[^ ]*//g') crashkernel={}\"\n",
      value);
}

Result<std::string> by_grubby(const std::string& value, Host& host) {
  if (auto ran = host.run({"grubby", "--update-kernel=ALL", "--args=crashkernel=" + value}); !ran)
    return std::move(ran).error();
  return std::string("written by grubby for all kernels");
}

Result<std::string> by_grub(const std::string& value, Host& host) {
  TRY(host.write_file(kGrubDropIn, grub_drop_in(value), 0644));
  if (auto ran = host.run({"update-grub"}); !ran) {
    (void)host.remove_file(kGrubDropIn);
    return std::move(ran).error();
  }
  return fmt::format("written to {}, and update-grub was run", kGrubDropIn);
}

Result<std::string> by_kernel_install(const std::string& value, Host& host) {
  const auto before = host.read_file(kKernelCmdline);
  if (!before) return Error(before.error());
  TRY(host.write_file(kKernelCmdline, with_crashkernel(*before, value) + "\n", 0644));
  const std::string release = host.kernel_release();
  auto ran =
      host.run({"kernel-install", "add", release, fmt::format("/lib/modules/{}/vmlinuz", release)});
  if (!ran) ran = host.run({"kernel-install", "add", release, "/boot/vmlinuz-" + release});
  if (!ran) {
    (void)host.write_file(kKernelCmdline, *before, 0644);
    return std::move(ran).error();
  }
  return fmt::format("written to {}, and kernel-install was run for {}", kKernelCmdline, release);
}

}  // namespace

std::string with_crashkernel(std::string_view cmdline, const std::string& value) {
  std::string line;
  for (const auto& word : split_cmdline(cmdline))
    if (cmdline_key(word) != "crashkernel") line += word + " ";
  return line + "crashkernel=" + value;
}

Result<std::string> write_crashkernel(const std::string& value, Host& host) {
  if (has_program(host, "grubby")) return by_grubby(value, host);
  if (has_program(host, "update-grub") && host.exists("/etc/default/grub"))
    return by_grub(value, host);
  if (host.exists(kKernelCmdline) && has_program(host, "kernel-install"))
    return by_kernel_install(value, host);
  return fail(
      fmt::format("neither grubby nor update-grub nor {} is here: add crashkernel={} to "
                  "the kernel's command line in the boot loader by hand, and reboot",
                  kKernelCmdline, value));
}

Result<std::string> tell_crashkernel(const Wanted& wanted, Host& host) {
  auto advice = advise(wanted, host);
  if (!advice) return std::move(advice).error();
  return advice_text(*advice);
}

Result<std::string> apply_crashkernel(const Wanted& wanted, Host& host) {
  auto advice = advise(wanted, host);
  if (!advice) return std::move(advice).error();
  std::string out = advice_text(*advice);
  if (advice->now.reserved && *advice->now.reserved >= advice->bytes)
    return out + "nothing to do: as much is reserved already\n";
  const auto done = write_crashkernel(advice->value, host);
  if (!done) return Error(done.error());
  return out + *done + "\nreboot to have it reserved\n";
}

}  // namespace mkcapture
