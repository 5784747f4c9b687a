#include "builder/kernel/cmdline.h"

#include <algorithm>

namespace mkcapture {

namespace {

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

// parameq() of the kernel: dashes and underscores are alike.
bool same_key(std::string_view a, std::string_view b) {
  const auto plain = [](char c) { return c == '-' ? '_' : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](char x, char y) { return plain(x) == plain(y); });
}

bool matches(std::string_view key, std::string_view pattern) {
  if (!pattern.ends_with('*')) return same_key(key, pattern);
  pattern.remove_suffix(1);
  return key.size() >= pattern.size() && same_key(key.substr(0, pattern.size()), pattern);
}

}  // namespace

std::vector<std::string> split_cmdline(std::string_view cmdline) {
  std::vector<std::string> words;
  std::string word;
  bool quoted = false;
  for (const char c : cmdline) {
    if (is_space(c) && !quoted) {
      if (!word.empty()) words.push_back(std::move(word));
      word.clear();
      continue;
    }
    if (c == '"') quoted = !quoted;
    word += c;
  }
  if (!word.empty()) words.push_back(std::move(word));
  return words;
}

std::string_view cmdline_key(std::string_view word) {
  if (word.starts_with('"')) word.remove_prefix(1);
  const auto end = word.find('=');
  if (end == std::string_view::npos && word.ends_with('"')) word.remove_suffix(1);
  return word.substr(0, end);
}

std::string_view cmdline_value(std::string_view word) {
  const auto equals = word.find('=');
  if (equals == std::string_view::npos) return {};
  const bool whole_word_quoted = word.starts_with('"');
  std::string_view value = word.substr(equals + 1);
  if (value.starts_with('"') && !whole_word_quoted) value.remove_prefix(1);
  if (value.ends_with('"')) value.remove_suffix(1);
  return value;
}

std::string capture_cmdline(std::string_view running, const std::vector<std::string>& remove,
                            const std::vector<std::string>& add, std::string_view append) {
  std::vector<std::string> words;  // from what yields to what prevails
  const auto set_by = [](const std::vector<std::string>& others, std::string_view key) {
    return key != "console" && std::any_of(others.begin(), others.end(), [&](const auto& other) {
             return same_key(cmdline_key(other), key);
           });
  };
  const auto take = [&](std::vector<std::string> more) {
    std::erase_if(words, [&](const auto& word) { return set_by(more, cmdline_key(word)); });
    for (auto& word : more)
      if (std::find(words.begin(), words.end(), word) == words.end())
        words.push_back(std::move(word));
  };

  for (auto& word : split_cmdline(running)) {
    if (word == "--") break;  // what follows is for the production system's init
    const std::string_view key = cmdline_key(word);
    const bool removed = std::any_of(remove.begin(), remove.end(),
                                     [&](const auto& pattern) { return matches(key, pattern); });
    if (!removed && std::find(words.begin(), words.end(), word) == words.end())
      words.push_back(std::move(word));
  }
  take(add);
  take(split_cmdline(append));

  std::string line;
  for (const auto& word : words)
    line += (line.empty() ? "" : " ") + word;
  return line;
}

std::string shell_quote(std::string_view text) {
  const auto is_plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("_-./=:,@%+").find(c) != std::string_view::npos;
  };
  if (!text.empty() && std::all_of(text.begin(), text.end(), is_plain)) return std::string(text);
  std::string quoted = "'";
  for (const char c : text) {
    if (c == '\'')
      quoted += "'\\''";
    else
      quoted += c;
  }
  return quoted + "'";
}

}  // namespace mkcapture
