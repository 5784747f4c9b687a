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

// "argument was not expected: X" of CLI11, as "X: why".
Error unexpected(const std::string& argument) {
  if (argument.starts_with("-"))
    return usage_error(argument, "unknown option; mkcapture --help lists them");
  return usage_error(argument, "unexpected argument; every setting is an option, see --help");
}

}  // namespace

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
    options.help = app.help();
    return options;
  }
  if (version) {
    options.action = Action::kVersion;
    return options;
  }
  if (const auto extras = app.remaining(); !extras.empty()) return unexpected(extras.front());

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
