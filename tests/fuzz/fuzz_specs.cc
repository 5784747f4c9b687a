// Targets, layers, ip=, vlan=, bond=, channel devices, durations and sizes: the canonical text
// means the same.
#include <cstdint>
#include <cstdlib>

#include "init/base/units.h"
#include "init/contract/ccw_device.h"
#include "init/contract/net_config.h"
#include "init/contract/storage.h"
#include "init/contract/target.h"

namespace {

/// What `parse` accepts must come back through to_string() unchanged.
template <class T>
void check(mkcapture::Result<T> (*parse)(std::string_view), std::string_view text) {
  const auto value = parse(text);
  if (!value) return;
  const std::string canonical = to_string(*value);
  const auto again = parse(canonical);
  if (!again || to_string(*again) != canonical) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check(mkcapture::parse_target, text);
  check(mkcapture::parse_layer, text);
  check(mkcapture::parse_ip, text);
  check(mkcapture::parse_vlan, text);
  check(mkcapture::parse_bond, text);
  check(mkcapture::parse_ccw_device, text);
  const auto duration = mkcapture::parse_duration(text);
  if (duration && *mkcapture::parse_duration(mkcapture::format_duration(*duration)) != *duration) {
    std::abort();
  }
  (void)mkcapture::parse_size(text);
  return 0;
}
