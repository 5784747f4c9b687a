// Channel devices of IBM Z: which ones a target is reached by, and how to write that. Nothing on
// the channel subsystem works before it is set online, and the kernel may not even look at devices
// that cio_ignore= hides (Documentation/s390/common_io.rst).
//
//   0.0.0200                       one device: a DASD, an FCP adapter, a virtio device
//   0.0.f500:0.0.f501:0.0.f502     a network adapter of qeth: read, write and data channel
//   0.0.1900/0x5005076303000000/0x4010400000000000
//                                  a disk on an FCP adapter: WWPN of the storage's port, LUN
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "init/base/result.h"

namespace mkcapture {

struct CcwDevice {
  std::vector<std::string> ids;  // bus IDs, lower case: one, or a group's three
  std::string wwpn, lun;         // of an FCP disk; else empty
  friend bool operator==(const CcwDevice&, const CcwDevice&) = default;
};

/// "0.0.0200": CSSID.SSID.DEVNO in hexadecimal, lower case.
[[nodiscard]] bool is_ccw_id(std::string_view text);

[[nodiscard]] Result<CcwDevice> parse_ccw_device(std::string_view text);
/// parse_ccw_device(to_string(c)) gives c again.
[[nodiscard]] std::string to_string(const CcwDevice& channel);

}  // namespace mkcapture
