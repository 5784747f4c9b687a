#include "init/contract/module_options.h"

#include "init/base/text.h"

namespace mkcapture {
namespace {

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/// The next word, quotes kept (next_arg() of the kernel's lib/cmdline.c: blanks within double
/// quotes do not separate). Empty at the end.
std::string_view next_word(std::string_view& rest) {
  while (!rest.empty() && is_blank(rest.front()))
    rest.remove_prefix(1);
  bool quoted = false;
  std::size_t end = 0;
  for (; end < rest.size() && (quoted || !is_blank(rest[end])); ++end)
    if (rest[end] == '"') quoted = !quoted;
  const auto word = rest.substr(0, end);
  rest.remove_prefix(end);
  return word;
}

/// "PARAM=VALUE" where `word` begins with the module's name and a dot; else empty.
std::string_view option_of(std::string_view word, std::string_view module) {
  if (word.size() < module.size() + 2 || word[module.size()] != '.') return {};
  for (std::size_t i = 0; i < module.size(); ++i)
    if (word[i] != module[i] && !(word[i] == '-' && module[i] == '_')) return {};
  return word.substr(module.size() + 1);
}

}  // namespace

std::string module_options(std::string_view cmdline, std::string_view module) {
  std::string options;
  for (;;) {
    const auto word = next_word(cmdline);
    if (word.empty() || word == "--") return options;
    const bool whole = word.front() == '"';  // "NAME.PARAM=a b" in quotes as a whole
    const auto option = option_of(whole ? word.substr(1) : word, module);
    if (!option.empty())
      options = joined_options(options, (whole ? "\"" : "") + std::string(option));
  }
}

std::string joined_options(std::string_view first, std::string_view second) {
  std::string all(first);
  if (!all.empty() && !second.empty()) all += ' ';
  return all.append(second);
}

}  // namespace mkcapture
