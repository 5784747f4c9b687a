#include "builder/service/arm.h"

#include <fmt/format.h>

#include <algorithm>

#include "builder/plan/filter.h"
#include "builder/plan/kexec.h"
#include "builder/plan/memory_need.h"
#include "builder/plan/pack.h"
#include "builder/print/print.h"
#include "builder/service/arm_state.h"
#include "builder/service/capture_kernel.h"
#include "builder/service/record.h"
#include "init/base/units.h"

namespace mkcapture {

namespace {

// Memory is set aside at boot or not at all.
Status check_reservation(Host& host) {
  const auto kernel = capture_kernel_of(host);
  if (!kernel.reserved)
    return fail("the running kernel has no kexec (CONFIG_KEXEC, CONFIG_CRASH_DUMP)");
  if (*kernel.reserved == 0)
    return fail(ErrorKind::kUnavailable,
                "no memory is reserved for a capture kernel: mkcapture crashkernel --apply writes "
                "crashkernel= for the boot loader, a reboot makes it so");
  return {};
}

ArmState state_of(const Plan& plan, const ImageSizes& sizes, std::vector<std::string> why) {
  ArmState state;
  state.why = std::move(why);
  state.from = {plan.kernel.release, plan.kernel.image, plan.image.payload, {}};
  for (const auto& target : plan.targets)
    state.from.targets.push_back({to_string(target.spec), target.address});
  state.load = kexec_line(plan);
  state.image_bytes = sizes.image_bytes;
  state.needed_bytes = needed_bytes(plan.profile, memory_need(plan, sizes.peak_bytes()));
  state.warnings = plan.warnings;
  state.filter = plan.filter;
  return state;
}

// Writes image and state. The state goes last: without it the image is built again.
Result<ArmState> build(const Wanted& wanted, std::vector<std::string> why,
                       const std::string& image_path, const std::string& state_path, Host& host,
                       std::string& err) {
  Request request = wanted.request;
  request.output = kImagePath;
  const auto plan = make_plan(request, host, PlanFor::kImage);
  if (!plan) return Error(plan.error());
  if (plan->kernel.image.empty())
    return fail(fmt::format("no kernel image of {} below {}: --kernel-image names it",
                            plan->kernel.release, request.root));
  auto packed = pack(host, *plan);
  if (!packed) return std::move(packed).error();
  err += print_warnings(*plan);
  ArmState state = state_of(*plan, packed->sizes, std::move(why));
  state.built = host.now();
  state.inputs = gather_inputs(wanted, state.from, host);
  TRY(host.write_file(image_path, packed->bytes, 0600));
  TRY(host.write_file(state_path, format_arm_state(state), 0644));
  return state;
}

// An image that a kernel hook built for the kernel that runs now takes the place of the last one.
Status take_prepared(Host& host) {
  const std::string release = host.kernel_release();
  const auto prepared = read_arm_state(host, prepared_state_path(release));
  if (!prepared || !*prepared || !host.exists(prepared_image_path(release))) return {};
  TRY(host.rename_file(prepared_image_path(release), kImagePath));
  return host.rename_file(prepared_state_path(release), kStatePath);
}

// The server's addresses are asked for again: arm runs where there is a network.
void follow_names(ArmState& state, Host& host, std::vector<std::string>& why) {
  for (auto& target : state.from.targets) {
    const auto spec = parse_target(target.spec);
    const auto server = spec ? needs(*spec).server : std::nullopt;
    if (!server || target.address.empty()) continue;
    const auto addresses = host.resolve(server->host);
    if (addresses && !addresses->empty() && addresses->front() != target.address)
      why.push_back(
          fmt::format("{} is {} now, it was {}", server->host, addresses->front(), target.address));
  }
}

// Why the image must be built; empty where it need not be.
std::vector<std::string> reasons(const Wanted& wanted, bool rebuild, Host& host,
                                 std::optional<ArmState>& state) {
  auto read = read_arm_state(host, kStatePath);
  if (!read) return {read.error().message};
  state = std::move(*read);
  if (!state || !host.exists(kImagePath)) return {"there is no image yet"};
  auto why = differences(state->inputs, gather_inputs(wanted, state->from, host));
  follow_names(*state, host, why);
  if (rebuild) why.emplace_back("--rebuild");
  return why;
}

// An image that was built before its kernel ran, by a kernel's hook, was not compared with it. Why
// it must be built once more, with that known; empty where it need not be.
Result<std::string> compare_late(const Wanted& wanted, ArmState& state, Host& host) {
  constexpr int kByDescriptors = 2 | 4 | 8 | 16;
  const int level = wanted.request.dump.level;
  if (state.filter || state.from.release != host.kernel_release() || (level & kByDescriptors) == 0)
    return std::string();
  auto check = compare_filter(host, state.from.payload, state.from.release, level);
  if (!check) return std::string();  // an image that is built says why
  const bool doubtful = (level & check->doubtful_bits()) != 0;
  state.filter = std::move(*check);
  if (doubtful) return std::string("the page filter and this kernel do not agree about its pages");
  TRY(host.write_file(kStatePath, format_arm_state(state), 0644));
  return std::string();
}

std::string lockdown_words(const CaptureKernel& kernel) {
  if (kernel.lockdown.empty()) return "";
  return fmt::format("; lockdown is {}: only a signed kernel by kexec -s is taken",
                     kernel.lockdown);
}

// kexec says that it has loaded it, and the kernel says so too.
Status load(const ArmState& state, Host& host) {
  const auto ran = host.run({"sh", "-ec", state.load});
  const auto kernel = capture_kernel_of(host);
  if (!ran) return fail("loading the image: " + ran.error().message + lockdown_words(kernel));
  if (!kernel.loaded)
    return fail(
        "kexec reports success, but the kernel has nothing loaded "
        "(/sys/kernel/kexec_crash_loaded)" +
        lockdown_words(kernel));
  return write_loaded(host, {state.built, host.now()});
}

std::string armed_line(const ArmState& state) {
  std::string targets;
  for (const auto& target : state.from.targets)
    targets += (targets.empty() ? "" : ", ") + target.spec;
  return fmt::format("armed: kernel {}, image of {}, {}\n", state.from.release,
                     format_size(state.image_bytes), targets);
}

}  // namespace

Result<std::string> arm(const Wanted& wanted, bool rebuild, Host& host, std::string& err) {
  // 1. Memory is reserved: without it nothing can be loaded, and nothing needs to be built.
  TRY(check_reservation(host));
  // 2. The image is of what there is now.
  TRY(take_prepared(host));
  std::optional<ArmState> state;
  std::string out;
  auto why = reasons(wanted, rebuild, host, state);
  if (why.empty()) {
    TRY_ASSIGN(disagreement, compare_late(wanted, *state, host));
    if (!disagreement.empty()) why.push_back(std::move(disagreement));
  }
  if (!why.empty()) {
    for (const auto& reason : why)
      out += fmt::format("building {}: {}\n", kImagePath, reason);
    TRY_ASSIGN(built, build(wanted, std::move(why), kImagePath, kStatePath, host, err));
    state = std::move(built);
  }
  // 3. It is loaded, and the kernel says so.
  TRY(load(*state, host));
  // 4. What is there from before the first arm is no news.
  TRY(begin_record(wanted, host));
  return out + armed_line(*state);
}

Result<std::string> arm_early(Host& host) {
  TRY(check_reservation(host));
  TRY(take_prepared(host));
  auto state = read_arm_state(host, kStatePath);
  if (!state) return std::move(state).error();
  if (!*state || !host.exists(kImagePath))
    return fail(ErrorKind::kUnavailable, "there is no image of last time: mkcapture arm builds it");
  TRY(load(**state, host));
  return armed_line(**state);
}

Result<std::string> prepare_image(const Wanted& wanted, Host& host, std::string& err) {
  if (!wanted.request.kernel) return usage_error("--prepare", "needs --kernel RELEASE");
  const std::string& release = wanted.request.kernel->value;
  if (release == host.kernel_release())
    return usage_error("--prepare", "the running kernel's image is built by mkcapture arm");
  // The plan is for that kernel, and stands as if it had been chosen because it runs.
  Settings without_kernel;
  for (const auto& field : setting_fields())
    for (const auto& given : wanted.settings.all(field.key))
      if (field.key != "kernel") without_kernel.add(field.key, given);
  const std::string image = prepared_image_path(release);
  TRY_ASSIGN(state,
             build({without_kernel, wanted.request}, {"the kernel " + release + " was installed"},
                   image, prepared_state_path(release), host, err));
  return fmt::format("{}: {}, for the next boot of {}\n", image, format_size(state.image_bytes),
                     release);
}

Result<std::string> disarm(Host& host) {
  const CaptureKernel kernel = capture_kernel_of(host);
  if (!kernel.loaded) return std::string("nothing was loaded\n");
  // Lockdown refuses kexec_load(2) for whatever it is asked; kexec_file_load(2) unloads all the
  // same.
  std::vector<std::string> argv = {"kexec", "-p", "-u"};
  if (!kernel.lockdown.empty()) argv.insert(argv.begin() + 2, "-s");
  if (const auto ran = host.run(argv); !ran) return Error(ran.error());
  if (capture_kernel_of(host).loaded)
    return fail("kexec reports success, but the kernel still has an image loaded");
  TRY(host.remove_file(kLoadedPath));
  return std::string("disarmed: a panic will not be captured\n");
}

}  // namespace mkcapture
