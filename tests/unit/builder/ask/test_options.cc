#include <doctest/doctest.h>

#include "builder/ask/config_file.h"
#include "builder/ask/options.h"
#include "builder/host/host.h"
#include "builder/print/print.h"
#include "tests/fakes/temp_dir.h"

using namespace mkcapture;

namespace {

std::string options_error(const std::vector<std::string>& arguments) {
  const auto options = parse_options(arguments);
  REQUIRE(!options);
  CHECK(is_usage_error(options.error()));
  return options.error().message;
}

std::string text_of(const Settings& settings, std::string_view key) {
  const Given* given = settings.last(key);
  return given == nullptr ? "(unset)" : given->text;
}

std::string config_error(std::string_view text) {
  const auto settings = parse_config_file(text, "x.toml");
  REQUIRE(!settings);
  CHECK(is_usage_error(settings.error()));
  return settings.error().message;
}

}  // namespace

TEST_CASE("options: every setting has a long option and sets its key") {
  for (const Field& field : setting_fields()) {
    const std::string option(long_option(field));
    CAPTURE(option);
    REQUIRE(option.starts_with("--"));
    std::vector<std::string> arguments = {option};
    if (field.kind != FieldKind::kFlag) arguments.emplace_back("7");
    const auto options = parse_options(arguments);
    REQUIRE(options);
    const Given* given = options->settings.last(field.key);
    REQUIRE(given != nullptr);
    CHECK(given->text == (field.kind == FieldKind::kFlag ? "true" : "7"));
    CHECK(given->origin == option);
  }
}

TEST_CASE("options: short forms, = forms, the last one counts, lists grow") {
  const auto options =
      parse_options({"-p", "x86_64", "-oa.img", "--output=b.img", "-t", "raw:/dev/a", "-t",
                     "raw:/dev/b", "-k", "6.1", "-r", "/x", "-qv"});
  REQUIRE(options);
  const Settings& settings = options->settings;
  CHECK(text_of(settings, "profile") == "x86_64");
  CHECK(text_of(settings, "output") == "b.img");
  CHECK(text_of(settings, "kernel") == "6.1");
  CHECK(text_of(settings, "root") == "/x");
  REQUIRE(settings.all("targets").size() == 2);
  CHECK(settings.all("targets")[1].text == "raw:/dev/b");
  CHECK(options->quiet);
  CHECK(options->verbose);
  CHECK(options->action == Action::kBuild);
}

TEST_CASE("options: actions") {
  CHECK(parse_options({"--print", "plan"})->action == Action::kPrintPlan);
  CHECK(parse_options({"--print", "tree"})->action == Action::kPrintTree);
  CHECK(parse_options({"--print", "append"})->action == Action::kPrintAppend);
  CHECK(parse_options({"--print", "kexec"})->action == Action::kPrintKexec);
  CHECK(parse_options({"--print=config"})->action == Action::kPrintConfig);
  CHECK(parse_options({"--version"})->action == Action::kVersion);
  CHECK(parse_options({"-h"})->action == Action::kHelp);
  const auto list = parse_options({"--list", "x.img"});
  CHECK(list->action == Action::kList);
  CHECK(list->list_image == "x.img");
}

TEST_CASE("options: help names every option") {
  const auto options = parse_options({"--help"});
  for (const Field& field : setting_fields())
    CHECK(options->help.find(std::string(field.option)) != std::string::npos);
  for (const char* option : {"--config", "--print", "--list", "--verbose", "--quiet", "--version"})
    CHECK_MESSAGE(options->help.find(option) != std::string::npos, option);
}

TEST_CASE("options: subcommands take their own options and the settings, in any order") {
  const auto arm = parse_options({"arm", "--rebuild", "-t", "raw:/dev/a", "-c", "x.toml"});
  REQUIRE(arm);
  CHECK(arm->action == Action::kArm);
  CHECK(arm->rebuild);
  CHECK(text_of(arm->settings, "targets") == "raw:/dev/a");
  CHECK(*arm->config_file == "x.toml");
  const auto status = parse_options({"-c", "x.toml", "status", "--json"});
  REQUIRE(status);
  CHECK(status->action == Action::kStatus);
  CHECK(status->json);
  CHECK(*status->config_file == "x.toml");
  for (const auto& command : subcommands()) {
    const auto parsed = parse_options({std::string(command.name)});
    REQUIRE(parsed);
    CHECK(parsed->action == command.action);
    const auto help = parse_options({std::string(command.name), "--help"});
    REQUIRE(help);
    CHECK(help->action == Action::kHelp);
    CHECK(help->help.find("mkcapture " + std::string(command.name)) != std::string::npos);
    for (const auto& option : subcommand_options())
      CHECK((help->help.find(option.option) != std::string::npos) ==
            std::any_of(subcommand_options().begin(), subcommand_options().end(),
                        [&](const auto& own) {
                          return own.action == command.action && own.option == option.option;
                        }));
  }
}

TEST_CASE("options: what is no option of a subcommand") {
  CHECK(options_error({"arm", "--json"}).starts_with("--json: unknown option"));
  CHECK(options_error({"status", "now"}).starts_with("now: unexpected argument"));
  CHECK(options_error({"arm", "status"}).starts_with("status: unexpected argument"));
  CHECK(options_error({"--rebuild"}).starts_with("--rebuild: unknown option"));
  CHECK(options_error({"status", "--print", "plan"}) ==
        "--print: cannot be used with a subcommand");
  CHECK(options_error({"arm", "--early", "--rebuild"}).starts_with("--early: cannot be used"));
}

TEST_CASE("options: errors name the option") {
  CHECK(options_error({"--bogus"}) == "--bogus: unknown option; mkcapture --help lists them");
  CHECK(options_error({"capture.img"}).starts_with("capture.img: unexpected argument"));
  CHECK(options_error({"--output"}).starts_with("--output: "));
  CHECK(options_error({"--print", "all"}) ==
        "--print: 'all' is none of plan, tree, append, kexec, config");
  CHECK(options_error({"--list", "x", "--print", "plan"}) == "--list: cannot be used with --print");
}

TEST_CASE("configuration: every key, with its line") {
  const auto settings = parse_config_file(
      "targets = [\n  \"raw:/dev/a\",\n  \"raw:/dev/b\",\n]\nip = \"dhcp\"\nshell = true\n"
      "drivers = [\"ext4\", \"virtio_blk\"]\ndeadline = \"5min\"\n[dump]\nlevel = 1\nformat = "
      "\"elf\"\n",
      "x.toml");
  REQUIRE(settings);
  REQUIRE(settings->all("targets").size() == 2);
  CHECK(settings->all("targets")[1].origin == "x.toml:3: targets");
  CHECK(text_of(*settings, "ip") == "dhcp");
  CHECK(text_of(*settings, "shell") == "true");
  CHECK(text_of(*settings, "drivers") == "ext4,virtio_blk");
  CHECK(text_of(*settings, "dump.level") == "1");
  CHECK(settings->last("dump.level")->origin == "x.toml:10: dump.level");
  CHECK(settings->last("deadline")->origin == "x.toml:8: deadline");
}

TEST_CASE("configuration: errors name file, line and key") {
  CHECK(config_error("\nfoo = 1\n") == "x.toml:2: foo: unknown key");
  CHECK(config_error("[dump]\nlevle = 1\n") == "x.toml:2: dump.levle: unknown key");
  CHECK(config_error("[other]\nlevel = 1\n") == "x.toml:1: other: unknown key");
  CHECK(config_error("deadline = 5\n") == "x.toml:1: deadline: a string is wanted");
  CHECK(config_error("shell = \"yes\"\n") == "x.toml:1: shell: true or false is wanted");
  CHECK(config_error("targets = [1]\n") == "x.toml:1: targets: an array of strings is wanted");
  CHECK(config_error("dump.level = -1\n") ==
        "x.toml:1: dump.level: a whole number, 0 or more, is wanted");
  CHECK(config_error("a = = 1\n").starts_with("x.toml:1: "));
  CHECK(config_error("dump = 3\n") == "x.toml:1: dump: unknown key");
}

TEST_CASE("configuration: a file that is not there") {
  const auto settings = load_config_file(*real_host(), "/nowhere/x.toml");
  REQUIRE(!settings);
  CHECK(settings.error().message == "configuration: /nowhere/x.toml: No such file or directory");
  CHECK(is_usage_error(settings.error()));
}

TEST_CASE("settings: an option replaces the key of the file") {
  auto settings =
      parse_config_file("targets = [\"raw:/dev/a\", \"raw:/dev/b\"]\nfinal = \"halt\"\n", "x.toml");
  settings->override_with(parse_options({"-t", "raw:/dev/c"})->settings);
  REQUIRE(settings->all("targets").size() == 1);
  CHECK(text_of(*settings, "targets") == "raw:/dev/c");
  CHECK(text_of(*settings, "final") == "halt");
}

TEST_CASE("print config: reads back to the same settings") {
  auto settings = parse_config_file(
      "targets = [\"raw:/dev/a\", \"disk:LABEL=a b:/x\"]\nshell = true\nkeep = 3\n"
      "append = \"a=\\\"b c\\\" \\\\ d\"\n[dump]\nlevel = 1\ncompress = \"none\"\n",
      "x.toml");
  REQUIRE(settings);
  const std::string text = print_config(*settings);
  const auto again = parse_config_file(text, "y.toml");
  REQUIRE(again);
  for (const Field& field : setting_fields()) {
    REQUIRE(again->all(field.key).size() == settings->all(field.key).size());
    for (std::size_t i = 0; i < again->all(field.key).size(); ++i)
      CHECK(again->all(field.key)[i].text == settings->all(field.key)[i].text);
  }
  CHECK(text.find("# x.toml:2: shell") != std::string::npos);
}
