#include "init/base/kernel_version.h"

#include <charconv>

namespace mkcapture {

std::optional<KernelVersion> parse_kernel_version(std::string_view release) noexcept {
  KernelVersion v;
  unsigned* const parts[] = {&v.major, &v.minor, &v.patch};
  const char* p = release.data();
  const char* const end = p + release.size();
  for (int i = 0; i < 3; ++i) {
    const auto result = std::from_chars(p, end, *parts[i]);
    if (result.ec != std::errc{}) return i < 2 ? std::nullopt : std::optional(v);
    p = result.ptr;
    if (p == end || *p != '.') return i < 1 ? std::nullopt : std::optional(v);
    ++p;
  }
  return v;
}

}  // namespace mkcapture
