// The page filter beside a running kernel: whether what it makes of each page is what the kernel
// itself says. savecore tells it in one line, the builder has it asked for the kernel that runs and
// puts the line into the image, and in the capture it counts where that very kernel has crashed.
//
//   RELEASE BUILD-ID LEVEL N/D N/D N/D N/D N/D
//
// BUILD-ID is "-" where the kernel does not export it (before 5.10); LEVEL is what the filter
// honours; N pages of a class were compared, D of them differ: the kernel's own, the page cache,
// processes', free ones, those that cannot be read.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "init/base/result.h"

namespace mkcapture {

struct FilterCheck {
  struct Class {
    std::uint64_t pages = 0;
    std::uint64_t differ = 0;
    friend bool operator==(const Class&, const Class&) = default;
  };
  static constexpr std::array<std::string_view, 5> kNames = {"kernel", "cache", "user", "free",
                                                             "unreadable"};
  std::string release;
  std::string build_id;  // hexadecimal; empty where it is not known
  int level = 0;
  std::array<Class, 5> classes;  // by kNames

  [[nodiscard]] std::uint64_t pages() const noexcept;
  [[nodiscard]] std::uint64_t differ() const noexcept;
  /// The bits of a dump level that leave out what the two do not agree about: of a class where more
  /// than one page of a thousand differs, and more than some; all where it is the kernel's own.
  [[nodiscard]] int doubtful_bits() const noexcept;
  /// Whether it is of this kernel; one without a build id is known by its release.
  [[nodiscard]] bool is_of(std::string_view of_release, std::string_view of_build) const noexcept;

  friend bool operator==(const FilterCheck&, const FilterCheck&) = default;
};

[[nodiscard]] std::string to_string(const FilterCheck& check);
/// An error says what is not as it should be. parse_filter_check(to_string(c)) gives c again.
[[nodiscard]] Result<FilterCheck> parse_filter_check(std::string_view text);

}  // namespace mkcapture
