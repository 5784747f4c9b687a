// The numbers at the start of a kernel release.
#pragma once

#include <compare>
#include <optional>
#include <string_view>

namespace mkcapture {

/// "6.1.0-56-amd64" as 6, 1, 0.
struct KernelVersion {
  unsigned major = 0;
  unsigned minor = 0;
  unsigned patch = 0;

  friend constexpr auto operator<=>(const KernelVersion&, const KernelVersion&) = default;
};

/// The leading numbers of a release; nothing where it does not begin with "N.N".
[[nodiscard]] std::optional<KernelVersion> parse_kernel_version(std::string_view release) noexcept;

}  // namespace mkcapture
