#include "builder/service/service.h"

#include <algorithm>

#include "builder/service/arm.h"
#include "builder/service/boot_loader.h"
#include "builder/service/check.h"
#include "builder/service/dumps.h"
#include "builder/service/record.h"
#include "builder/service/status.h"

namespace mkcapture {

bool is_subcommand(Action action) {
  const auto all = subcommands();
  return std::any_of(all.begin(), all.end(), [&](const auto& s) { return s.action == action; });
}

Result<int> run_subcommand(const Options& options, const Settings& settings, const Request& request,
                           Host& host, std::string& out, std::string& err) {
  const Wanted wanted{settings, request};
  const auto told = [&](Result<std::string> text) -> Result<int> {
    if (!text) return std::move(text).error();
    if (!options.quiet) out += *text;
    return 0;
  };
  switch (options.action) {
    case Action::kArm:
      if (options.early) return told(arm_early(host));
      if (options.prepare) return told(prepare_image(wanted, host, err));
      return told(arm(wanted, options.rebuild, host, err));
    case Action::kDisarm:
      return told(disarm(host));
    case Action::kStatus: {
      const StatusReport report = machine_status(wanted, host);
      if (!options.quiet) out += options.json ? status_json(report) : status_text(report);
      return exit_status(report);
    }
    case Action::kCheck: {
      const auto report = check_targets(wanted, host);
      if (!report) return Error(report.error());
      if (!options.quiet)
        out += options.json ? check_json(*report) : check_text(*report, options.verbose);
      return report->good() ? 0 : 1;
    }
    case Action::kDumps: {
      if (options.record) return told(record_new_dumps(wanted, host, err));
      const auto listing = list_dumps(wanted, host);
      out += options.json ? dumps_json(listing) : dumps_text(listing);
      forget_new_dumps(host);
      return 0;
    }
    case Action::kCrashkernel:
      return told(options.apply ? apply_crashkernel(wanted, host) : tell_crashkernel(wanted, host));
    default:
      return fail("no subcommand");
  }
}

}  // namespace mkcapture
