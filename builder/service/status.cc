#include "builder/service/status.h"

#include <fmt/format.h>

#include <algorithm>

#include "builder/host/device_drivers.h"
#include "builder/host/locate.h"
#include "builder/service/check_record.h"
#include "builder/service/dumps.h"
#include "builder/service/record.h"
#include "init/base/text.h"
#include "init/base/units.h"

namespace mkcapture {

namespace {

constexpr std::int64_t kCheckDays = 8;  // the timer's check runs daily; a weekend may pass

// A line of /proc/meminfo in bytes.
std::uint64_t memory_of(const std::string& meminfo, std::string_view key) {
  for (auto line : split(meminfo, '\n')) {
    if (!consume(line, key) || !consume(line, ":")) continue;
    line = trim(line);
    const auto number = parse_number(line.substr(0, line.find(' ')));
    return number ? *number << 10 : 0;
  }
  return 0;
}

// Before there is a dump to go by: what a dump of this level would be now without any compression.
// Level 31 leaves out free pages, cache and the memory of programs.
std::uint64_t dump_forecast(const DumpChoice& choice, Host& host) {
  const std::string meminfo = fact(host, "/proc/meminfo");
  const std::uint64_t total = memory_of(meminfo, "MemTotal");
  if (choice.level != 31) return total;
  std::uint64_t left_out = memory_of(meminfo, "MemFree");
  for (const char* key : {"Active(anon)", "Inactive(anon)", "Active(file)", "Inactive(file)"})
    left_out += memory_of(meminfo, key);
  return left_out < total ? total - left_out : 0;
}

// The largest whole dump that is there says more than a forecast.
std::uint64_t next_dump(const std::vector<DumpEntry>& dumps, const DumpChoice& choice, Host& host) {
  std::uint64_t largest = 0;
  for (const auto& dump : dumps)
    if (dump.whole) largest = std::max(largest, dump.bytes);
  return largest > 0 ? largest : dump_forecast(choice, host);
}

void add_targets(const Wanted& wanted, Host& host, StatusFacts& facts) {
  std::string newest_time;
  for (const auto& folder : dump_folders(wanted, host)) {
    TargetStatus target;
    target.spec = folder.target;
    target.folder = folder.folder;
    if (const auto spec = parse_target(folder.target))
      target.present = locate(host, *needs(*spec).device).has_value();
    if (!folder.folder.empty()) {
      const auto dumps = dumps_in(folder.folder, host);
      target.free = host.free_bytes(folder.folder);
      target.next_dump = next_dump(dumps, wanted.request.dump, host);
      for (const auto& dump : dumps)
        if (dump.time > newest_time) {
          newest_time = dump.time;
          facts.last_dump = dump.folder;
        }
    }
    facts.targets.push_back(std::move(target));
  }
  for (const auto& given : wanted.request.targets) {
    const TargetNeeds wants = needs(given.value);
    if (wants.filesystem) continue;  // one of the folders above
    TargetStatus target;
    target.spec = to_string(given.value);
    target.network = wants.server.has_value();
    if (wants.device) target.present = locate(host, *wants.device).has_value();
    facts.targets.push_back(std::move(target));
  }
}

void judge_armed(StatusReport& report) {
  const auto& facts = report.facts;
  const auto problem = [&](const char* code, std::string text) {
    report.problems.push_back({code, std::move(text)});
  };
  if (!facts.kernel.reserved)
    return problem(
        "no_kexec",
        "the running kernel cannot load a capture kernel (CONFIG_KEXEC, CONFIG_CRASH_DUMP)");
  if (*facts.kernel.reserved == 0)
    return problem("not_reserved",
                   "no memory is reserved: mkcapture crashkernel --apply, then reboot");
  if (facts.kernel.loaded) return;
  if (!facts.kernel.lockdown.empty())
    problem("lockdown",
            fmt::format("nothing is loaded, and lockdown ({}) lets only a signed kernel be loaded "
                        "by kexec -s: mkcapture arm says what failed",
                        facts.kernel.lockdown));
  else
    problem("not_loaded", "memory is reserved, but nothing is loaded: mkcapture arm");
}

void judge_image(StatusReport& report) {
  const auto& facts = report.facts;
  const auto warn = [&](const char* code, std::string text) {
    report.warnings.push_back({code, std::move(text)});
  };
  if (!facts.image_error.empty()) return warn("no_state", facts.image_error);
  if (!facts.image || !facts.image_file)
    return warn("no_state",
                "what is loaded was not built by mkcapture arm: nothing is known of it");
  if (facts.image->from.release != facts.running_release)
    warn("other_kernel", fmt::format("the image is for {}, and {} runs: mkcapture arm",
                                     facts.image->from.release, facts.running_release));
  for (const auto& change : facts.changed)
    if (!change.starts_with("the kernel is ")) warn("stale", change + ": mkcapture arm");
  if (!facts.loaded)
    warn("not_ours", "mkcapture arm did not load what is loaded");
  else if (facts.loaded->built != facts.image->built)
    warn("old_image_loaded", "a newer image was built than the one that is loaded: mkcapture arm");
  if (facts.kernel.reserved && *facts.kernel.reserved < facts.image->needed_bytes)
    warn("reservation_small",
         fmt::format("{}M are reserved, and this image needs {}M: mkcapture crashkernel --apply",
                     *facts.kernel.reserved >> 20, facts.image->needed_bytes >> 20));
  for (const auto& warning : facts.image->warnings)
    warn("plan", warning);
}

void judge_targets(StatusReport& report) {
  for (const auto& target : report.facts.targets) {
    if (!target.present)
      report.warnings.push_back(
          {"target_gone", fmt::format("{}: its device is not on this machine", target.spec)});
    if (target.free && *target.free < target.next_dump)
      report.warnings.push_back(
          {"space_short", fmt::format("{}: {} are free, and the next dump may take {}", target.spec,
                                      format_size(*target.free), format_size(target.next_dump))});
  }
}

void judge_history(StatusReport& report) {
  const auto& facts = report.facts;
  if (facts.check && !facts.check->good)
    report.warnings.push_back({"check_failed", "the last check failed: " + facts.check->why});
  if (facts.check && facts.now - facts.check->at > kCheckDays * 86400)
    report.warnings.push_back(
        {"check_old", fmt::format("the last check was {} days ago: mkcapture check",
                                  (facts.now - facts.check->at) / 86400)});
  if (!facts.new_dumps.empty())
    report.warnings.push_back(
        {"new_dump",
         fmt::format("this machine crashed, and nobody has looked: {} (mkcapture dumps)",
                     facts.new_dumps.back())});
}

}  // namespace

StatusReport judge(StatusFacts facts) {
  StatusReport report{std::move(facts), {}, {}};
  judge_armed(report);
  // Of an image that is not loaded, what is wrong with it is not yet the question.
  if (report.problems.empty()) judge_image(report);
  judge_targets(report);
  judge_history(report);
  return report;
}

StatusReport machine_status(const Wanted& wanted, Host& host) {
  StatusFacts facts;
  facts.now = host.now();
  facts.kernel = capture_kernel_of(host);
  facts.running_release = host.kernel_release();
  auto state = read_arm_state(host, kStatePath);
  if (state)
    facts.image = std::move(*state);
  else
    facts.image_error = state.error().message;
  facts.image_file = host.exists(kImagePath);
  if (facts.image) {
    facts.changed =
        differences(facts.image->inputs, gather_inputs(wanted, facts.image->from, host));
    // A kernel that was chosen by --kernel is not the running one for a reason.
    if (wanted.request.kernel) facts.running_release = wanted.request.kernel->value;
  }
  facts.loaded = read_loaded(host);
  add_targets(wanted, host, facts);
  facts.check = read_check(host);
  facts.new_dumps = read_record(host).fresh;
  return judge(std::move(facts));
}

int exit_status(const StatusReport& report) {
  if (!report.problems.empty()) return 1;
  return report.warnings.empty() ? 0 : 3;
}

}  // namespace mkcapture
