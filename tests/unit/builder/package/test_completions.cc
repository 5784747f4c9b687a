// What packages hold, made from the option table.
#include <doctest/doctest.h>

#include "builder/ask/config_file.h"
#include "builder/ask/options.h"
#include "builder/package/completions.h"

using namespace mkcapture;

TEST_CASE("packages: the completions know every option and subcommand") {
  const std::string bash = bash_completion(), zsh = zsh_completion();
  for (const Field& field : setting_fields()) {
    const std::string option(long_option(field));
    CHECK_MESSAGE(bash.find(option + " ") != std::string::npos, option);
    CHECK_MESSAGE(zsh.find("'*" + option + "[") != std::string::npos, option);
  }
  for (const auto& command : subcommands()) {
    const std::string name(command.name);
    CHECK_MESSAGE(bash.find(name) != std::string::npos, name);
    CHECK_MESSAGE(zsh.find("'" + name + ":") != std::string::npos, name);
  }
  CHECK(bash.find("arm) names+=' --rebuild --early --prepare'") != std::string::npos);
  CHECK(bash.find("--final) COMPREPLY=($(compgen -W 'reboot poweroff halt'") != std::string::npos);
}

TEST_CASE("packages: /etc/mkcapture.toml sets nothing, and has every key") {
  const std::string text = commented_config();
  const auto settings = parse_config_file(text, "mkcapture.toml");
  REQUIRE(settings);
  for (const Field& field : setting_fields()) {
    CHECK(settings->all(field.key).empty());
    const auto key = std::string(field.key.substr(field.key.find('.') + 1));
    CHECK_MESSAGE(text.find("\n#" + key + " = ") != std::string::npos, key);
  }
}

TEST_CASE("packages: each line of /etc/mkcapture.toml is one that the parser takes") {
  std::string text = commented_config(), uncommented;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = text.find('\n', at);
    const std::string line = text.substr(at, end - at);
    if (line.starts_with('#') && !line.starts_with("# ")) uncommented += line.substr(1) + "\n";
    at = end + 1;
  }
  const auto settings = parse_config_file(uncommented, "mkcapture.toml");
  REQUIRE_MESSAGE(settings, (settings ? "" : settings.error().message));
  for (const Field& field : setting_fields())
    CHECK_MESSAGE(settings->has(field.key), field.key);
}
