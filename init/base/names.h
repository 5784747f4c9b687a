// Enumerators and their names in texts: one table each, read both ways.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace mkcapture {

template <class T>
struct Name {
  std::string_view text;
  T value;
};

template <class T, std::size_t N>
[[nodiscard]] constexpr std::optional<T> by_name(const Name<T> (&names)[N], std::string_view text) {
  for (const auto& name : names) {
    if (name.text == text) return name.value;
  }
  return std::nullopt;
}

/// "?" for a value without a name.
template <class T, std::size_t N>
[[nodiscard]] constexpr std::string_view name_of(const Name<T> (&names)[N], T value) {
  for (const auto& name : names) {
    if (name.value == value) return name.text;
  }
  return "?";
}

}  // namespace mkcapture
