#include "builder/plan/plan.h"

#include <fmt/format.h>

#include <algorithm>

#include "builder/credentials/known_hosts.h"
#include "builder/credentials/ssh_key.h"
#include "builder/kernel/kernel_flavour.h"
#include "builder/plan/ccw.h"
#include "builder/plan/driver.h"
#include "builder/plan/filter.h"
#include "builder/plan/firmware.h"
#include "builder/plan/kernel_checks.h"
#include "builder/plan/kernel_config.h"
#include "builder/plan/kexec.h"
#include "builder/plan/memory_need.h"
#include "builder/plan/network.h"
#include "builder/plan/target.h"
#include "init/contract/init_program.h"

namespace mkcapture {

namespace {

constexpr std::size_t kMaxKnownHosts = 16 << 20;

// The image is written beside its name and renamed.
Status check_output(Host& host, const std::string& output) {
  const auto slash = output.rfind('/');
  const std::string folder = slash == std::string::npos ? "."
                             : slash == 0               ? "/"
                                                        : output.substr(0, slash);
  if (!host.is_folder(folder)) return fail(output + ": no such folder");
  if (const auto there = host.stamp(output); there && !there->regular)
    return fail(output + ": is there and not a file");
  return {};
}

Status choose_profile(const Request& request, Host& host, Plan& plan) {
  const std::string machine = host.machine();
  auto profile =
      request.profile ? load_profile(host, *request.profile) : profile_of_machine(machine);
  if (!profile) return std::move(profile).error();
  plan.profile = std::move(*profile);
  const auto& machines = plan.profile.machines;
  // What is below another root says what the image is for, and nothing of this machine does.
  if (std::find(machines.begin(), machines.end(), machine) == machines.end())
    plan.elsewhere = "another architecture than this machine's";
  else if (request.root != "/" && !host.same_file(request.root, "/"))
    plan.elsewhere = "for the machine of " + request.root;
  plan.this_machine = plan.elsewhere.empty();
  return {};
}

Status choose_kernel(const Request& request, Host& host, Plan& plan) {
  const std::string wanted = request.kernel ? request.kernel->value : "";
  const auto& machines = plan.profile.machines;
  const bool runs_here =
      std::find(machines.begin(), machines.end(), host.machine()) != machines.end();
  auto release = choose_release(host, request.root, wanted, runs_here ? host.kernel_release() : "");
  if (!release)
    return request.kernel ? as_usage_error(request.kernel->origin, std::move(release).error())
                          : std::move(release).error();
  plan.kernel = find_kernel_files(host, request.root, *release, plan.profile);
  if (!request.kernel && is_for_debugging(*release)) {
    const auto plain = newest_of_flavour(kernel_releases(host, request.root), *release);
    plan.warnings.push_back(
        fmt::format("kernel {} is made for debugging and takes much more memory than others{}",
                    *release, plain ? ": --kernel " + *plain + " does not" : ""));
  }
  if (const auto& image = request.kernel_image) {
    if (auto used = use_kernel_image(host, image->value, plan.kernel); !used)
      return as_usage_error(image->origin, std::move(used).error());
  }
  find_kernel_config(host, plan);
  return {};
}

// The programs for the image: --payload, or where bootstrap and packages put them.
Status choose_payload(const Request& request, Host& host, Plan& plan) {
  if (request.payload) {
    if (!host.is_folder(request.payload->value))
      return usage_error(request.payload->origin, request.payload->value + ": no such folder");
    plan.image.payload = request.payload->value;
    return {};
  }
  const std::string folder = host.program_folder();
  for (const auto& candidate :
       {fmt::format("{}/payload/{}", folder, plan.profile.name),
        fmt::format("{}/../payload/{}", folder, plan.profile.name),
        fmt::format("{}/../lib/mkcapture/payload/{}", folder, plan.profile.name)}) {
    if (!host.is_folder(candidate)) continue;
    plan.image.payload = candidate;
    return {};
  }
  if (!plan.profile.no_payload.empty()) return fail(plan.profile.no_payload);
  return fail(fmt::format(
      "no static programs in {}/payload/{}: builder/bootstrap {} builds them, --payload DIR names "
      "others",
      folder, plan.profile.name, plan.profile.name));
}

// The smallest /init that is enough, and that the payload has: others' may not.
void choose_init(Host& host, Plan& plan) {
  const auto all = [&plan](auto is) {
    return std::all_of(plan.targets.begin(), plan.targets.end(), is);
  };
  if (!all([](const auto& target) { return target.layers.empty(); })) return;
  const std::string_view enough =
      all([](const auto& target) { return is_for_only_disks(target.spec); }) ? kInitOnlyDisks
                                                                             : kInitWithoutLayers;
  if (host.is_file(fmt::format("{}/{}", plan.image.payload, enough))) plan.image.init = enough;
}

// All programs that the image will hold are in the payload.
Status check_payload(Host& host, const Plan& plan) {
  std::vector<std::string> programs = {plan.image.init};
  programs.insert(programs.end(), plan.image.programs.begin(), plan.image.programs.end());
  for (const auto& program : programs)
    if (!host.is_file(plan.image.payload + "/" + program))
      return fail(
          fmt::format("{}/{}: not there, and the image needs it: builder/bootstrap {} "
                      "builds it",
                      plan.image.payload, program, plan.profile.name));
  return {};
}

// Keys: needed by ssh targets, and nothing else takes them.
Status plan_ssh(const Request& request, Host& host, Plan& plan) {
  std::vector<SshServer> servers;
  for (const auto& target : plan.targets)
    if (const auto need = needs(target.spec); need.ssh_key)
      servers.push_back({need.server->host, need.server->port, target.host_key_name});
  if (servers.empty()) {
    if (request.ssh_key || request.ssh_known_hosts)
      plan.notes.push_back("--ssh-key and --ssh-known-hosts have no effect: no target is ssh://");
    return {};
  }
  if (!request.ssh_key)
    return usage_error("--ssh-key", "an ssh target needs a private key without a passphrase");
  if (!request.ssh_known_hosts)
    return usage_error("--ssh-known-hosts", "an ssh target needs the server's host key");
  auto key = dropbear_key(request.ssh_key->value, host);
  if (!key) return as_usage_error(request.ssh_key->origin, std::move(key).error());
  plan.image.ssh_key = std::move(*key);

  const auto& file = *request.ssh_known_hosts;
  auto text = host.read_whole(file.value, kMaxKnownHosts);
  if (!text) return as_usage_error(file.origin, std::move(text).error());
  auto known = known_hosts_for(*text, servers, plan.warnings);
  if (!known) return as_usage_error(file.origin, std::move(known).error().within(file.value));
  plan.image.ssh_known_hosts = std::move(*known);
  return {};
}

void plan_capture(const Request& request, Plan& plan) {
  auto& capture = plan.capture;
  capture.deadline = request.deadline;
  capture.deadline_extends = !request.deadline_origin;
  capture.wait = request.wait;
  capture.stall = request.stall;
  capture.final_action = request.final_action;
  capture.on_failure = request.on_failure;
  capture.shell = request.shell;
  capture.dump = request.dump;
  capture.keep = request.keep;
  capture.reserve = request.reserve;
}

Status plan_files(const Request& request, Host& host, Plan& plan) {
  for (const auto& file : request.add_file) {
    if (host.is_folder(file.value.source))
      return usage_error(file.origin, file.value.source + ": a folder; files are added one by one");
    if (!host.is_file(file.value.source))
      return usage_error(file.origin, file.value.source + ": no such file");
    plan.image.files.push_back(file.value);
  }
  return {};
}

}  // namespace

Result<Plan> make_plan(const Request& request, Host& host, PlanFor what) {
  Plan plan;
  plan.output = request.output;
  auto mtime = image_mtime();
  if (!mtime) return as_usage_error("SOURCE_DATE_EPOCH", std::move(mtime).error());
  plan.mtime = *mtime;

  TRY(choose_profile(request, host, plan));
  TRY(choose_kernel(request, host, plan));
  auto tree = KernelTree::open(request.root, plan.kernel.release);
  if (!tree) return std::move(tree).error();
  auto sets = builtin_module_sets();
  if (!sets) return std::move(sets).error();

  TRY(plan_targets(request, host, plan));
  TRY(plan_network(request, host, plan));
  if (plan.this_machine) plan.watchdogs = find_watchdogs(host);
  TRY(plan_drivers(request, *tree, *sets, read_modprobe_options(host, request.root), plan));
  TRY(plan_ccw_devices(request, host, plan));
  TRY(check_kernel(*sets, plan));
  TRY(plan_ssh(request, host, plan));
  TRY(plan_files(request, host, plan));
  plan_capture(request, plan);

  plan.image.root = request.root;
  plan.image.hosts = plan.network.hosts;
  choose_signatures(request, host, plan);
  if (what != PlanFor::kLoading) {
    TRY(choose_payload(request, host, plan));
    choose_init(host, plan);
    TRY(check_payload(host, plan));
  }
  if (what == PlanFor::kFile) TRY(check_output(host, plan.output));
  TRY(choose_compressor(request, plan));
  TRY(plan_kexec(request, host, plan));
  plan_memory(host, plan);
  TRY(plan_firmware(request, host, plan));
  if (what != PlanFor::kLoading) plan_filter(host, plan);
  return plan;
}

}  // namespace mkcapture
