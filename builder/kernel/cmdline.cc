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

bool matches(std::string_view word, std::string_view pattern) {
  const std::string_view key = cmdline_key(word);
  if (const auto equals = pattern.find('='); equals != std::string_view::npos)
    return same_key(key, pattern.substr(0, equals)) &&
           cmdline_value(word) == pattern.substr(equals + 1);
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
  if (quoted) word += '"';
  if (!word.empty()) words.push_back(std::move(word));
  return words;
}

bool has_open_quote(std::string_view cmdline) {
  return std::count(cmdline.begin(), cmdline.end(), '"') % 2 != 0;
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

CaptureCmdline capture_cmdline(std::string_view running, const std::vector<CmdlineRemoval>& remove,
                               const std::vector<std::string>& add, std::string_view append) {
  CaptureCmdline result;
  std::vector<std::string> words;  // from what yields to what prevails; of `running` at first
  const auto sets = [](const std::vector<std::string>& others, std::string_view key) {
    return key != "console" && std::any_of(others.begin(), others.end(), [&](const auto& other) {
             return same_key(cmdline_key(other), key);
           });
  };
  const auto put_last = [&](std::string word) {
    std::erase(words, word);
    words.push_back(std::move(word));
  };
  const auto take = [&](std::vector<std::string> more, const char* by) {
    std::erase_if(words, [&](const auto& word) {
      if (!sets(more, cmdline_key(word))) return false;
      const bool same = std::find(more.begin(), more.end(), word) != more.end();
      if (!same) result.left_out.push_back({word, by});
      return true;
    });
    for (auto& word : more)
      put_last(std::move(word));
  };

  bool for_init = false;
  for (auto& word : split_cmdline(running)) {
    for_init = for_init || word == "--";
    const auto removed = std::find_if(remove.begin(), remove.end(), [&](const auto& entry) {
      return matches(word, entry.pattern);
    });
    if (for_init)
      result.left_out.push_back({word, "behind --: for the running system's init"});
    else if (removed != remove.end())
      result.left_out.push_back({word, removed->reason});
    else
      put_last(std::move(word));
  }
  take(add, "the profile sets it");
  take(split_cmdline(append), "--append sets it");

  for (const auto& word : words)
    result.line += (result.line.empty() ? "" : " ") + word;
  return result;
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
