#include "builder/ask/options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>

namespace mkcapture {

namespace {

constexpr const char* kDescription =
    "Builds the initramfs that a capture kernel starts after a panic: it saves /proc/vmcore to "
    "disk, "
    "NFS or SSH and reboots.";
constexpr const char* kFooter =
    "Durations: 90s, 30min, 1h30min. All of these settings can stand in the configuration file "
    "too; "
    "see mkcapture(8) and mkcapture.toml(5).";

struct PrintWord {
  const char* word;
  Action action;
};
constexpr PrintWord kPrintWords[] = {{"plan", Action::kPrintPlan},
                                     {"tree", Action::kPrintTree},
                                     {"append", Action::kPrintAppend},
                                     {"kexec", Action::kPrintKexec},
                                     {"config", Action::kPrintConfig}};

constexpr Subcommand kSubcommands[] = {
    {"arm", Action::kArm,
     "build the image where anything has changed, load it, check it is loaded"},
    {"disarm", Action::kDisarm, "unload it"},
    {"status", Action::kStatus,
     "is this machine protected? exit status 0 armed and current, 1 not armed, 3 with warnings"},
    {"check", Action::kCheck,
     "try each target now, as the capture would; exit status 0 all work, 1 not all"},
    {"dumps", Action::kDumps, "the dumps on this machine's disk targets"},
    {"crashkernel", Action::kCrashkernel, "what crashkernel= should be, and why"},
};
constexpr SubcommandOption kSubcommandOptions[] = {
    {Action::kArm, "--rebuild", &Options::rebuild, "build it whatever has or has not changed"},
    {Action::kArm, "--early", &Options::early, "load the image of last time, build nothing"},
    {Action::kArm, "--prepare", &Options::prepare,
     "build for --kernel, for the boot of that kernel; load nothing"},
    {Action::kStatus, "--json", &Options::json, "as JSON"},
    {Action::kCheck, "--json", &Options::json, "as JSON"},
    {Action::kDumps, "--json", &Options::json, "as JSON"},
    {Action::kDumps, "--record", &Options::record,
     "tell what is new since the last time: log, motd, on_dump"},
    {Action::kCrashkernel, "--apply", &Options::apply,
     "write it for the boot loader that is there"},
};

Result<Action> parse_print(const std::string& word) {
  for (const auto& known : kPrintWords)
    if (word == known.word) return known.action;
  return usage_error("--print",
                     fmt::format("'{}' is none of plan, tree, append, kexec, config", word));
}

// "--target SPEC": every option takes one value each time it is given.
class OneValueFormatter : public CLI::Formatter {
 public:
  std::string make_option_opts(const CLI::Option* option) const override {
    return option->get_type_name().empty() ? "" : " " + option->get_type_name();
  }
};

// CLI11 keeps what it parsed in variables of ours; one per field, in setting_fields()'s order.
struct Parsed {
  std::vector<std::vector<std::string>> values;
  std::vector<int> flags;
};

void add_fields(CLI::App& app, Parsed& parsed) {
  const auto fields = setting_fields();
  parsed.values.resize(fields.size());
  parsed.flags.resize(fields.size());
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const Field& field = fields[i];
    if (field.kind == FieldKind::kFlag)
      app.add_flag(std::string(field.option), parsed.flags[i], std::string(field.help));
    else
      app.add_option(std::string(field.option), parsed.values[i], std::string(field.help))
          ->allow_extra_args(false)
          ->type_name(std::string(field.value));
  }
}

Settings settings_of(const Parsed& parsed) {
  Settings settings;
  const auto fields = setting_fields();
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const std::string origin(long_option(fields[i]));
    for (const auto& value : parsed.values[i])
      settings.add(fields[i].key, {value, origin});
    if (parsed.flags[i] > 0) settings.add(fields[i].key, {"true", origin});
  }
  return settings;
}

// Each subcommand takes the settings too: what it does not know goes to the program's own options.
void add_subcommands(CLI::App& app, Options& options) {
  app.fallthrough();
  app.require_subcommand(0, 1);
  for (const auto& known : kSubcommands) {
    auto* sub = app.add_subcommand(std::string(known.name), std::string(known.help));
    sub->footer("Takes the settings of mkcapture --help too; see mkcapture(8).");
    sub->callback([&options, action = known.action] { options.action = action; });
    for (const auto& option : kSubcommandOptions)
      if (option.action == known.action)
        sub->add_flag(std::string(option.option), options.*option.flag, std::string(option.help));
  }
}

const char* check_subcommand(const Options& options) {
  if (options.early && (options.rebuild || options.prepare)) return "--early";
  if (options.prepare && options.rebuild) return "--prepare";
  return nullptr;
}

// "argument was not expected: X" of CLI11, as "X: why".
Error unexpected(const std::string& argument) {
  if (argument.starts_with("-"))
    return usage_error(argument, "unknown option; mkcapture --help lists them");
  return usage_error(argument, "unexpected argument; every setting is an option, see --help");
}

}  // namespace

std::span<const Subcommand> subcommands() {
  return kSubcommands;
}

std::span<const SubcommandOption> subcommand_options() {
  return kSubcommandOptions;
}

Result<Options> parse_options(const std::vector<std::string>& arguments) {
  CLI::App app(kDescription, "mkcapture");
  app.footer(kFooter);
  app.allow_extras();
  app.set_help_flag();
  app.formatter(std::make_shared<OneValueFormatter>());
  app.get_formatter()->column_width(42);

  Options options;
  Parsed parsed;
  std::string config_file, print, list_image;
  bool help = false, version = false;
  add_fields(app, parsed);
  const auto last = CLI::MultiOptionPolicy::TakeLast;
  auto* config_option = app.add_option("-c,--config", config_file,
                                       "TOML file (default: /etc/mkcapture.toml where it exists)")
                            ->type_name("FILE")
                            ->multi_option_policy(last);
  auto* print_option =
      app.add_option("--print", print, "print plan, tree, append, kexec or config; build nothing")
          ->type_name("WHAT")
          ->multi_option_policy(last);
  auto* list_option = app.add_option("--list", list_image, "what is in an image, sizes and totals")
                          ->type_name("IMG")
                          ->multi_option_policy(last);
  app.add_flag("-v,--verbose", options.verbose, "say more");
  app.add_flag("-q,--quiet", options.quiet, "say only what failed");
  app.add_flag("-h,--help", help, "this text");
  app.add_flag("--version", version, "the version");
  add_subcommands(app, options);

  try {
    // CLI11 takes its arguments from the back.
    std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
    app.parse(reversed);
  } catch (const CLI::Error& error) {
    const std::string text = error.what();  // "--output: 1 required FILE missing"
    const auto colon = text.find(": ");
    if (colon == std::string::npos) return usage_error("command line", text);
    return usage_error(text.substr(0, colon), text.substr(colon + 2));
  }
  if (help) {
    options.action = Action::kHelp;
    const auto given = app.get_subcommands();
    options.help = given.empty() ? app.help() : given.front()->help("mkcapture");
    return options;
  }
  if (version) {
    options.action = Action::kVersion;
    return options;
  }
  if (const auto extras = app.remaining(true); !extras.empty()) return unexpected(extras.front());

  const bool subcommand = options.action != Action::kBuild;
  if (subcommand && list_option->count() + print_option->count() > 0)
    return usage_error(list_option->count() > 0 ? "--list" : "--print",
                       "cannot be used with a subcommand");
  if (const char* extra = check_subcommand(options); extra != nullptr)
    return usage_error(extra, "cannot be used with the other options of arm that are given");
  if (config_option->count() > 0) options.config_file = config_file;
  if (list_option->count() > 0) {
    if (print_option->count() > 0) return usage_error("--list", "cannot be used with --print");
    options.action = Action::kList;
    options.list_image = list_image;
  } else if (print_option->count() > 0) {
    auto action = parse_print(print);
    if (!action) return std::move(action).error();
    options.action = *action;
  }
  options.settings = settings_of(parsed);
  return options;
}

}  // namespace mkcapture
