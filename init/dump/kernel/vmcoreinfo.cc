#include "init/dump/kernel/vmcoreinfo.h"

#include <charconv>

namespace mkcapture::dump {
namespace {

std::optional<std::uint64_t> parse(std::optional<std::string_view> text, int base) noexcept {
  if (!text) return std::nullopt;
  std::string_view digits = *text;
  bool negative = false;
  if (base == 10) {
    negative = digits.starts_with('-');
    if (negative) digits.remove_prefix(1);
    if (digits.starts_with("0x")) {
      digits.remove_prefix(2);
      base = 16;
    }
  }
  std::uint64_t v = 0;
  const char* const begin = digits.data();
  const char* const end = begin + digits.size();
  const auto result = std::from_chars(begin, end, v, base);
  if (result.ec != std::errc{} || result.ptr != end) return std::nullopt;
  return negative ? 0 - v : v;
}

}  // namespace

std::optional<std::string_view> Vmcoreinfo::value(std::string_view key) const noexcept {
  return value_of(key, {});
}

// One pass over a text of a few KiB; only asked while a vmcore is opened.
std::optional<std::string_view> Vmcoreinfo::value_of(std::string_view kind,
                                                     std::string_view name) const noexcept {
  std::optional<std::string_view> found;
  std::string_view rest = text_;
  while (!rest.empty()) {
    std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    if (!line.starts_with(kind)) continue;
    line.remove_prefix(kind.size());
    if (!name.empty()) {
      if (!line.starts_with('(') || line.substr(1, name.size()) != name) continue;
      line.remove_prefix(1 + name.size());
      if (!line.starts_with(')')) continue;
      line.remove_prefix(1);
    }
    if (line.starts_with('=')) found = line.substr(1);
  }
  return found;
}

std::optional<std::uint64_t> Vmcoreinfo::symbol(std::string_view name) const noexcept {
  auto address = parse(value_of("SYMBOL", name), 16);
  if (address && *address == 0) address.reset();
  return address;
}
std::optional<std::uint64_t> Vmcoreinfo::size(std::string_view type) const noexcept {
  return parse(value_of("SIZE", type), 10);
}
std::optional<std::uint64_t> Vmcoreinfo::offset(std::string_view member) const noexcept {
  return parse(value_of("OFFSET", member), 10);
}
std::optional<std::uint64_t> Vmcoreinfo::length(std::string_view array) const noexcept {
  return parse(value_of("LENGTH", array), 10);
}
std::optional<std::uint64_t> Vmcoreinfo::number(std::string_view name) const noexcept {
  return parse(value_of("NUMBER", name), 10);
}
std::optional<std::uint64_t> Vmcoreinfo::hex(std::string_view key) const noexcept {
  return parse(value(key), 16);
}
std::optional<std::uint64_t> Vmcoreinfo::decimal(std::string_view key) const noexcept {
  return parse(value(key), 10);
}

}  // namespace mkcapture::dump
