#include "builder/package/completions.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "builder/ask/options.h"
#include "init/base/text.h"

namespace mkcapture {

namespace {

// What is no setting: options of the program itself.
struct ProgramOption {
  std::string_view option;  // "-c,--config"
  std::string_view value;   // "FILE", "" for a flag, or words with '|' between
  std::string_view help;
};
constexpr ProgramOption kProgramOptions[] = {
    {"-c,--config", "FILE", "TOML file"},
    {"--print", "plan|tree|append|kexec|config", "print, and build nothing"},
    {"--list", "IMG", "what is in an image"},
    {"-v,--verbose", "", "say more"},
    {"-q,--quiet", "", "say only what failed"},
    {"-h,--help", "", "a summary of the options"},
    {"--version", "", "the version"},
};

std::vector<ProgramOption> all_options() {
  std::vector<ProgramOption> all;
  for (const Field& field : setting_fields())
    all.push_back({field.option, field.value, field.help});
  all.insert(all.end(), std::begin(kProgramOptions), std::end(kProgramOptions));
  return all;
}

// "reboot|poweroff|halt": words to choose from. Capitals stand for what only the user knows.
std::vector<std::string_view> words_of(std::string_view value) {
  std::vector<std::string_view> words;
  if (value.find('|') == std::string_view::npos) return words;
  for (const auto word : split(value, '|'))
    if (std::none_of(word.begin(), word.end(), [](char c) { return c >= 'A' && c <= 'Z'; }))
      words.push_back(word);
  return words;
}

bool takes_file(std::string_view value) {
  return value.find("FILE") != std::string_view::npos || value == "DIR" || value == "IMG" ||
         value.starts_with("SRC");
}

std::string alternatives(std::string_view option) {
  std::string all(option);
  std::replace(all.begin(), all.end(), ',', '|');
  return all;
}

std::string spaced(std::string_view option) {
  std::string all(option);
  std::replace(all.begin(), all.end(), ',', ' ');
  return all;
}

// Within '...[HELP]:...' of zsh's _arguments.
std::string zsh_words(std::string_view help) {
  std::string text;
  for (const char c : help) {
    if (c == '\'')
      text += "'\\''";
    else if (c == '[' || c == ']' || c == ':')
      text += fmt::format("\\{}", c);
    else
      text += c;
  }
  return text;
}

std::string zsh_action(std::string_view value) {
  const auto words = words_of(value);
  if (!words.empty()) return fmt::format("({})", fmt::join(words, " "));
  return takes_file(value) ? "_files" : " ";
}

std::string zsh_option(const ProgramOption& option) {
  const std::string value = option.value.empty() ? ""
                                                 : fmt::format(":{}:{}", zsh_words(option.value),
                                                               zsh_action(option.value));
  std::string lines;
  for (const auto name : split(option.option, ','))
    lines += fmt::format("    '*{}[{}]{}'\n", name, zsh_words(option.help), value);
  return lines;
}

// "# key = value  help" under its table.
std::string config_line(const Field& field) {
  const auto key = field.key.substr(field.key.find('.') + 1);
  const char* form = field.kind == FieldKind::kFlag     ? "true"
                     : field.kind == FieldKind::kNumber ? "0"
                     : field.kind == FieldKind::kList   ? "[\"\"]"
                                                        : "\"\"";
  return fmt::format("# {}{}{}\n#{} = {}\n\n", field.help, field.value.empty() ? "" : ": ",
                     field.value, key, form);
}

}  // namespace

std::string bash_completion() {
  std::string names, cases, own;
  for (const auto& option : all_options()) {
    names += spaced(option.option) + " ";
    const auto words = words_of(option.value);
    if (!words.empty())
      cases += fmt::format("    {}) COMPREPLY=($(compgen -W '{}' -- \"$word\")) ;;\n",
                           alternatives(option.option), fmt::join(words, " "));
    else if (takes_file(option.value))
      cases += fmt::format("    {}) COMPREPLY=($(compgen -f -- \"$word\")) ;;\n",
                           alternatives(option.option));
    else if (!option.value.empty())
      cases += fmt::format("    {}) COMPREPLY=() ;;\n", alternatives(option.option));
  }
  std::string commands;
  for (const auto& command : subcommands()) {
    commands += std::string(command.name) + " ";
    std::string options;
    for (const auto& option : subcommand_options())
      if (option.action == command.action) options += std::string(option.option) + " ";
    if (!options.empty())
      own += fmt::format("        {}) names+=' {}' ;;\n", command.name, trim(options));
  }
  return fmt::format(
      "# bash completion for mkcapture(8), made from its option table\n"
      "# shellcheck shell=bash disable=SC2207,SC2016\n"
      "_mkcapture() {{\n"
      "  local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD - 1]}} name\n"
      "  local names='{}' commands='{}'\n"
      "  case $before in\n{}"
      "    *)\n"
      "      for name in \"${{COMP_WORDS[@]:1:COMP_CWORD-1}}\"; do\n"
      "        case $name in\n{}"
      "        esac\n"
      "      done\n"
      "      [[ $word == -* ]] || names=$commands\n"
      "      COMPREPLY=($(compgen -W \"$names\" -- \"$word\"))\n"
      "      ;;\n"
      "  esac\n"
      "}}\n"
      "complete -F _mkcapture mkcapture\n",
      trim(names), trim(commands), cases, own);
}

std::string zsh_completion() {
  std::string text =
      "#compdef mkcapture\n"
      "# zsh completion for mkcapture(8), made from its option table\n"
      "local -a options commands\n"
      "options=(\n";
  for (const auto& option : all_options())
    text += zsh_option(option);
  text += ")\ncommands=(\n";
  for (const auto& command : subcommands())
    text += fmt::format("  '{}:{}'\n", command.name, zsh_words(command.help));
  text += ")\ncase ${words[(r)(";
  std::string names;
  for (const auto& command : subcommands())
    names += (names.empty() ? "" : "|") + std::string(command.name);
  text += names + ")]} in\n";
  for (const auto& command : subcommands()) {
    std::string own;
    for (const auto& option : subcommand_options())
      if (option.action == command.action)
        own += fmt::format(" '{}[{}]'", option.option, zsh_words(option.help));
    if (!own.empty()) text += fmt::format("  {}) options+=({}) ;;\n", command.name, trim(own));
  }
  return text +
         "esac\n"
         "_arguments -S $options \"1:command:{_describe command commands}\"\n";
}

std::string commented_config() {
  std::string plain =
      "# Configuration of mkcapture, see mkcapture.toml(5). Nothing is set here: every default\n"
      "# applies. `mkcapture --print plan` shows what comes of it.\n\n";
  std::string tables, open_table;
  for (const Field& field : setting_fields()) {
    const auto dot = field.key.find('.');
    if (dot == std::string_view::npos) {
      plain += config_line(field);
      continue;
    }
    if (const std::string table(field.key.substr(0, dot)); table != open_table) {
      tables += fmt::format("#[{}]\n", table);
      open_table = table;
    }
    tables += config_line(field);
  }
  return plain + tables;
}

}  // namespace mkcapture
