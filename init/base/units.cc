#include "init/base/units.h"

#include <cstdio>
#include <limits>

#include "init/base/text.h"

namespace mkcapture {
namespace {

constexpr std::uint64_t kMaxDurationMs = 7ull * 24 * 3600 * 1000;

struct TimeUnit {
  std::string_view name;
  std::uint64_t ms;
};
// Largest first: format_duration() goes through them in this order.
constexpr TimeUnit kTimeUnits[] = {
    {"d", 86'400'000}, {"h", 3'600'000}, {"min", 60'000}, {"s", 1000}, {"ms", 1}};

Error bad_duration(std::string_view text, std::string_view why) {
  return fail("'" + std::string(text) + "' is no duration: " + std::string(why));
}
Error bad_size(std::string_view text, std::string_view why) {
  return fail("'" + std::string(text) + "' is no size: " + std::string(why));
}

/// Cuts a run of characters that satisfy `test` off the front.
template <class Test>
std::string_view take(std::string_view& text, Test test) {
  std::size_t n = 0;
  while (n < text.size() && test(text[n]))
    ++n;
  const auto taken = text.substr(0, n);
  text.remove_prefix(n);
  return taken;
}

std::uint64_t unit_in_ms(std::string_view unit) {
  if (unit.empty()) return 1000;
  if (unit == "m") return 60'000;
  for (const auto& u : kTimeUnits) {
    if (u.name == unit) return u.ms;
  }
  return 0;
}

}  // namespace

Result<std::uint64_t> parse_number(std::string_view text, int base) {
  const auto invalid = [&] { return fail("'" + std::string(text) + "' is no number"); };
  if (text.empty()) return invalid();
  constexpr auto kMax = std::numeric_limits<std::uint64_t>::max();
  const auto b = static_cast<std::uint64_t>(base);
  std::uint64_t value = 0;
  for (const char c : text) {
    if (!is_hex(c)) return invalid();
    const auto digit = static_cast<std::uint64_t>(is_digit(c) ? c - '0' : to_lower(c) - 'a' + 10);
    if (digit >= b) return invalid();
    if (value > (kMax - digit) / b) return fail("'" + std::string(text) + "' is too large");
    value = value * b + digit;
  }
  return value;
}

Result<Milliseconds> parse_duration(std::string_view text) {
  std::string_view rest = text;
  std::uint64_t total = 0;
  do {
    const auto digits = take(rest, is_digit);
    const auto unit = take(rest, [](char c) { return !is_digit(c); });
    const auto number = parse_number(digits);
    const auto unit_ms = unit_in_ms(unit);
    if (!number || unit_ms == 0) {
      return bad_duration(text, "write for example 30min, 90s, 1h30min or 500ms");
    }
    if (*number > kMaxDurationMs / unit_ms) return bad_duration(text, "more than 7 days");
    total += *number * unit_ms;
    if (total > kMaxDurationMs) return bad_duration(text, "more than 7 days");
  } while (!rest.empty());
  if (total == 0) return bad_duration(text, "it must be longer than nothing");
  return Milliseconds(total);
}

std::string format_duration(Milliseconds d) {
  auto left = static_cast<std::uint64_t>(d.count() > 0 ? d.count() : 0);
  std::string text;
  for (const auto& unit : kTimeUnits) {
    if (left < unit.ms) continue;
    text += std::to_string(left / unit.ms);  // NOLINT(clang-analyzer-core.DivideZero): none is 0
    text += unit.name;
    left %= unit.ms;
  }
  return text.empty() ? "0s" : text;
}

Result<std::uint64_t> parse_size(std::string_view text) {
  std::string_view rest = text;
  const auto number = parse_number(take(rest, is_digit));
  if (!number) return bad_size(text, "write for example 512M, 2G or a number of bytes");
  int shift = 0;
  if (!rest.empty()) {
    constexpr std::string_view kPrefixes = "kmgtp";
    const auto at = kPrefixes.find(to_lower(rest[0]));
    if (at != std::string_view::npos) {
      shift = 10 * (static_cast<int>(at) + 1);
      rest.remove_prefix(1);
    }
    const bool known = rest.empty() || equal_ignoring_case(rest, "b") ||
                       (shift > 0 && equal_ignoring_case(rest, "ib"));
    if (!known) return bad_size(text, "the units are K, M, G, T and P");
  }
  if (*number > (std::numeric_limits<std::uint64_t>::max() >> shift)) {
    return bad_size(text, "too large");
  }
  return *number << shift;
}

std::string format_size(std::uint64_t bytes) {
  constexpr const char* kNames[] = {"bytes", "kB", "MB", "GB", "TB", "PB", "EB"};
  // A step early, so that what rounds up to 1000.0 is shown as 1.0 of the next unit.
  std::size_t unit = 0;
  double value = static_cast<double>(bytes);
  while (value >= (unit == 0 ? 1000.0 : 999.95)) {
    value /= 1000;
    ++unit;
  }
  char text[32];
  std::snprintf(text, sizeof text, unit == 0 ? "%.0f %s" : "%.1f %s", value, kNames[unit]);
  return text;
}

}  // namespace mkcapture
