#include "builder/run.h"

#include <fmt/format.h>

#include "builder/ask/config_file.h"
#include "builder/ask/options.h"
#include "builder/image/list.h"
#include "builder/plan/kernel_checks.h"
#include "builder/plan/kexec.h"
#include "builder/plan/pack.h"
#include "builder/plan/plan.h"
#include "builder/print/print.h"
#include "builder/service/service.h"
#include "builder/version.h"

namespace mkcapture {

namespace {

constexpr const char* kDefaultConfig = "/etc/mkcapture.toml";

// The configuration file under the options.
Result<Settings> gather_settings(const Options& options, Host& host) {
  std::string file;
  if (options.config_file)
    file = *options.config_file;
  else if (host.exists(kDefaultConfig))
    file = kDefaultConfig;
  if (file.empty()) return options.settings;
  auto settings = load_config_file(host, file);
  if (settings) settings->override_with(options.settings);
  return settings;
}

PlanFor purpose(Action action) {
  const bool loading = action == Action::kPrintAppend || action == Action::kPrintKexec;
  return loading ? PlanFor::kLoading : PlanFor::kFile;
}

Result<std::string> print(Action action, bool verbose, Host& host, const Plan& plan) {
  switch (action) {
    case Action::kPrintAppend:
      return plan.kexec.append + "\n" + (verbose ? print_left_out(plan) : "");
    case Action::kPrintKexec:
      if (plan.kernel.image.empty()) return fail(no_kernel_image(plan));
      return kexec_line(plan) + "\n";
    case Action::kPrintTree: {
      TRY_ASSIGN(contents, contents_of(host, plan));
      return format_tree(contents);
    }
    default:
      break;
  }
  // The whole image is made for its true size, and so whatever would stop the build is said here.
  TRY_ASSIGN(packed, pack(host, plan));
  return print_plan(plan, packed.sizes);
}

// What happens, from the command line to the image; each step has all that the ones before it
// decided. An error of any step ends it; the value is the exit status.
Result<int> run(const std::vector<std::string>& arguments, Host& host, std::string& out,
                std::string& err) {
  // 1. What is asked for, as text. After this, nothing looks at the arguments.
  auto options = parse_options(arguments);
  if (!options) return std::move(options).error();
  if (options->action == Action::kHelp) {
    out += options->help;
    return 0;
  }
  if (options->action == Action::kVersion) {
    out += fmt::format("mkcapture {}\n", kVersion);
    return 0;
  }
  if (options->action == Action::kList) {
    auto listing = list_image_file(host, options->list_image);
    if (!listing) return std::move(listing).error();
    out += *listing;
    return 0;
  }
  auto settings = gather_settings(*options, host);
  if (!settings) return std::move(settings).error();

  // 2. What it means. After this, every value is valid by itself.
  auto request = parse_request(*settings);
  if (!request) return std::move(request).error();
  if (options->action == Action::kPrintConfig) {
    out += print_config(*settings);
    return 0;
  }

  // What is asked of the machine itself, by the same configuration.
  if (is_subcommand(options->action))
    return run_subcommand(*options, *settings, *request, host, out, err);

  // 3. What will be done, with this profile, machine and kernel. After this, nothing is undecided,
  // and the plan stays as it is.
  const auto plan = make_plan(*request, host, purpose(options->action));
  if (!plan) return Error(plan.error());

  // 4. Said, or done.
  if (options->action != Action::kBuild) {
    auto text = print(options->action, options->verbose, host, *plan);
    if (!text) return std::move(text).error();
    if (!options->quiet && options->action != Action::kPrintPlan) err += print_warnings(*plan);
    out += *text;
    return 0;
  }
  auto packed = pack(host, *plan);
  if (!packed) return std::move(packed).error();
  TRY(host.replace_file(plan->output, packed->bytes, 0600));
  if (options->quiet) return 0;
  err += print_warnings(*plan);
  if (options->verbose) out += print_plan(*plan, packed->sizes) + "\n";
  out += print_summary(*plan, packed->sizes);
  return 0;
}

}  // namespace

int run_mkcapture(const std::vector<std::string>& arguments, Host& host, std::string& out,
                  std::string& err) {
  const Result<int> status = run(arguments, host, out, err);
  if (status) return *status;
  std::string line = status.error().message;
  for (char& c : line)
    if (c == '\n') c = ' ';
  err += fmt::format("mkcapture: {}\n", line);
  return is_usage_error(status.error()) ? 2 : 1;
}

}  // namespace mkcapture
