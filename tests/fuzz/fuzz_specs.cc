// Targets, ip=, vlan=, bond=, channel devices, durations and sizes: the canonical text means the
// same.
#include <cstdlib>

#include "common/channel_spec.h"
#include "common/net_spec.h"
#include "common/target.h"
#include "common/units.h"

namespace {

/// What `parse` accepts must come back through to_string() unchanged.
template <class T>
void check(capture::Result<T> (*parse)(std::string_view), std::string_view text) {
  const auto value = parse(text);
  if (!value) return;
  const std::string canonical = to_string(*value);
  const auto again = parse(canonical);
  if (!again || to_string(*again) != canonical) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check(capture::parse_target, text);
  check(capture::parse_ip, text);
  check(capture::parse_vlan, text);
  check(capture::parse_bond, text);
  check(capture::parse_channel, text);
  const auto duration = capture::parse_duration(text);
  if (duration && *capture::parse_duration(capture::format_duration(*duration)) != *duration) {
    std::abort();
  }
  (void)capture::parse_size(text);
  return 0;
}
