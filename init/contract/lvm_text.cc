#include "init/contract/lvm_text.h"

#include <algorithm>

#include "init/base/text.h"

namespace mkcapture {
namespace {

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == ',';
}

/// Blanks and comments.
void skip_blanks(std::string_view& rest) {
  while (!rest.empty()) {
    if (rest.front() == '#') {
      rest.remove_prefix(std::min(rest.find('\n'), rest.size()));
    } else if (is_blank(rest.front())) {
      rest.remove_prefix(1);
    } else {
      return;
    }
  }
}

/// Cuts a string with both its quotes off `rest`, which begins with one.
std::optional<std::string_view> take_string(std::string_view& rest) {
  for (std::size_t i = 1; i < rest.size(); ++i) {
    if (rest[i] == '\\') {
      ++i;
    } else if (rest[i] == '"') {
      const auto text = rest.substr(0, i + 1);
      rest.remove_prefix(i + 1);
      return text;
    }
  }
  return std::nullopt;
}

/// Cuts what is between `open`, with which `rest` begins, and its `close` off `rest`.
std::optional<std::string_view> take_enclosed(std::string_view& rest, char open, char close) {
  std::string_view at = rest;
  std::size_t depth = 0;
  while (!at.empty()) {
    const char c = at.front();
    if (c == '"') {
      if (!take_string(at)) return std::nullopt;
      continue;
    }
    if (c == '#') {
      skip_blanks(at);
      continue;
    }
    at.remove_prefix(1);
    if (c == open) ++depth;
    if (c == close && --depth == 0) {
      const auto inner = rest.substr(1, rest.size() - at.size() - 2);
      rest = at;
      return inner;
    }
  }
  return std::nullopt;
}

std::string_view take_word(std::string_view& rest) {
  std::size_t n = 0;
  while (n < rest.size() && !is_blank(rest[n]) &&
         std::string_view("={}[]\"#").find(rest[n]) == std::string_view::npos) {
    ++n;
  }
  const auto word = rest.substr(0, n);
  rest.remove_prefix(n);
  return word;
}

/// The next entry of a section; nothing at its end or where it is broken.
std::optional<LvmSection::Entry> take_entry(std::string_view& rest) {
  skip_blanks(rest);
  LvmSection::Entry entry;
  entry.name = take_word(rest);
  skip_blanks(rest);
  if (entry.name.empty() || rest.empty()) return std::nullopt;
  std::optional<std::string_view> value;
  if (rest.front() == '{') {
    entry.is_section = true;
    value = take_enclosed(rest, '{', '}');
  } else if (consume(rest, "=")) {
    skip_blanks(rest);
    const std::string_view before = rest;
    if (rest.starts_with('"')) {
      value = take_string(rest);
    } else if (rest.starts_with('[')) {
      if (take_enclosed(rest, '[', ']')) value = before.substr(0, before.size() - rest.size());
    } else if (const auto word = take_word(rest); !word.empty()) {
      value = word;
    }
  }
  if (!value) return std::nullopt;
  entry.value = *value;
  return entry;
}

std::string_view unquoted(std::string_view text) {
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"') {
    text.remove_prefix(1);
    text.remove_suffix(1);
  }
  return text;
}

}  // namespace

std::string_view LvmSection::Entry::text() const {
  return unquoted(value);
}

std::vector<std::string_view> LvmSection::Entry::elements() const {
  std::string_view rest = value;
  if (is_section) return {};
  if (!rest.starts_with('[')) return {unquoted(rest)};
  rest.remove_prefix(1);
  rest.remove_suffix(1);
  std::vector<std::string_view> all;
  for (skip_blanks(rest); !rest.empty(); skip_blanks(rest)) {
    const auto element = rest.front() == '"' ? take_string(rest) : std::optional(take_word(rest));
    if (!element || element->empty()) break;
    all.push_back(unquoted(*element));
  }
  return all;
}

std::vector<LvmSection::Entry> LvmSection::entries(std::size_t limit) const {
  std::vector<Entry> all;
  std::string_view rest = body_;
  while (all.size() < limit) {
    const auto entry = take_entry(rest);
    if (!entry) break;
    all.push_back(*entry);
  }
  return all;
}

std::optional<LvmSection::Entry> LvmSection::find(std::string_view name) const {
  std::string_view rest = body_;
  while (const auto entry = take_entry(rest)) {
    if (entry->name == name) return entry;
  }
  return std::nullopt;
}

}  // namespace mkcapture
