#include "builder/run.h"

#include <fmt/format.h>

#include <algorithm>

#include "builder/ask/config_file.h"
#include "builder/ask/options.h"
#include "builder/host/files.h"
#include "builder/image/list.h"
#include "builder/plan/kexec.h"
#include "builder/plan/plan.h"
#include "builder/print/print.h"

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
  auto settings = load_config_file(file);
  if (settings) settings->override_with(options.settings);
  return settings;
}

struct PackedImage {
  ImageContents contents;
  std::string bytes;
  ImageSizes sizes;
};

// Missing firmware is worth a line, and a generic image's hundred lines are worth one.
void add_image_notes(const std::vector<std::string>& lines, Plan& plan) {
  constexpr std::size_t kFew = 3;
  if (lines.size() <= kFew) {
    plan.notes.insert(plan.notes.end(), lines.begin(), lines.end());
    return;
  }
  std::vector<std::string> drivers;
  for (const auto& line : lines) {
    const std::string driver = line.substr(0, line.find(' '));
    if (std::find(drivers.begin(), drivers.end(), driver) == drivers.end())
      drivers.push_back(driver);
  }
  plan.notes.push_back(
      fmt::format("{} firmware files that these drivers may ask for are not on this machine: {}",
                  lines.size(), fmt::join(drivers, ", ")));
}

Result<PackedImage> pack(Plan& plan) {
  if (!plan.no_payload.empty()) return fail(plan.no_payload);
  PackedImage packed;
  std::vector<std::string> lines;
  auto contents = assemble_image(plan.image, lines);
  if (!contents) return std::move(contents).error();
  add_image_notes(lines, plan);
  packed.contents = std::move(*contents);
  auto bytes = pack_image(packed.contents, plan.compress, plan.mtime, packed.sizes);
  if (!bytes) return std::move(bytes).error();
  packed.bytes = std::move(*bytes);
  return packed;
}

Result<std::string> print(Action action, bool verbose, Plan& plan) {
  switch (action) {
    case Action::kPrintAppend:
      return plan.kexec.append + "\n" + (verbose ? print_left_out(plan) : "");
    case Action::kPrintKexec:
      return kexec_line(plan) + "\n";
    case Action::kPrintTree: {
      auto contents = assemble_image(plan.image, plan.notes);
      if (!contents) return std::move(contents).error();
      return format_tree(*contents);
    }
    default:
      break;
  }
  // The plan tells the true size where there is a payload, and is worth reading where there is not.
  ImageEstimate estimate;
  auto packed = pack(plan);
  if (packed)
    estimate.sizes = packed->sizes;
  else
    estimate.unknown = packed.error().message;
  return print_plan(plan, estimate);
}

// What happens, from the command line to the image; each step has all that the ones before it
// decided. An error of any step ends it.
Status run(const std::vector<std::string>& arguments, Host& host, std::string& out,
           std::string& err) {
  // 1. What is asked for, as text. After this, nothing looks at the arguments.
  auto options = parse_options(arguments);
  if (!options) return std::move(options).error();
  if (options->action == Action::kHelp) {
    out += options->help;
    return {};
  }
  if (options->action == Action::kVersion) {
    out += "mkcapture " MKCAPTURE_VERSION "\n";
    return {};
  }
  if (options->action == Action::kList) {
    auto listing = list_image_file(options->list_image);
    if (!listing) return std::move(listing).error();
    out += *listing;
    return {};
  }
  auto settings = gather_settings(*options, host);
  if (!settings) return std::move(settings).error();

  // 2. What it means. After this, every value is valid by itself.
  auto request = parse_request(*settings);
  if (!request) return std::move(request).error();
  if (options->action == Action::kPrintConfig) {
    out += print_config(*settings);
    return {};
  }

  // 3. What will be done, with this profile, machine and kernel. After this, nothing is undecided.
  auto plan = make_plan(*request, host);
  if (!plan) return std::move(plan).error();

  // 4. Said, or done.
  if (options->action != Action::kBuild) {
    auto text = print(options->action, options->verbose, *plan);
    if (!text) return std::move(text).error();
    if (!options->quiet && options->action != Action::kPrintPlan) err += print_warnings(*plan);
    out += *text;
    return {};
  }
  auto packed = pack(*plan);
  if (!packed) return std::move(packed).error();
  TRY(write_image(plan->output, packed->bytes));
  if (options->quiet) return {};
  err += print_warnings(*plan);
  if (options->verbose) out += print_plan(*plan, {packed->sizes, ""}) + "\n";
  out += print_summary(*plan, packed->sizes);
  return {};
}

}  // namespace

int run_mkcapture(const std::vector<std::string>& arguments, Host& host, std::string& out,
                  std::string& err) {
  const Status status = run(arguments, host, out, err);
  if (status) return 0;
  std::string line = status.error().message;
  for (char& c : line)
    if (c == '\n') c = ' ';
  err += fmt::format("mkcapture: {}\n", line);
  return is_usage_error(status.error()) ? 2 : 1;
}

}  // namespace mkcapture
