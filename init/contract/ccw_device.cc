#include "init/contract/ccw_device.h"

#include "init/base/text.h"

namespace mkcapture {
namespace {

constexpr std::size_t kGroup = 3;  // qeth's

bool is_lower_hex(std::string_view text, std::size_t digits) {
  return text.size() == digits &&
         all_of(text, [](char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); });
}

/// "0x" and 16 digits: WWPN and LUN as zfcp's files in /sys are named.
bool is_wide_number(std::string_view text) {
  return consume(text, "0x") && is_lower_hex(text, 16);
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    c = to_lower(c);
  return out;
}

}  // namespace

bool is_ccw_id(std::string_view text) {
  const auto parts = split(text, '.');
  return parts.size() == 3 && (is_lower_hex(parts[0], 1) || is_lower_hex(parts[0], 2)) &&
         is_lower_hex(parts[1], 1) && is_lower_hex(parts[2], 4);
}

Result<CcwDevice> parse_ccw_device(std::string_view text) {
  const std::string plain = lower(text);
  const auto parts = split(plain, '/');
  CcwDevice channel;
  for (const auto id : split(parts[0], ':')) {
    if (!is_ccw_id(id))
      return fail("'" + std::string(id) + "' is no channel device: write 0.0.0200");
    channel.ids.emplace_back(id);
  }
  if (channel.ids.size() != 1 && channel.ids.size() != kGroup)
    return fail("a group has three channel devices: read, write and data");
  if (parts.size() == 1) return channel;
  if (parts.size() != 3 || channel.ids.size() != 1 || !is_wide_number(parts[1]) ||
      !is_wide_number(parts[2]))
    return fail("write ADAPTER/WWPN/LUN, the last two as 0x and 16 digits");
  channel.wwpn = parts[1];
  channel.lun = parts[2];
  return channel;
}

std::string to_string(const CcwDevice& channel) {
  std::string text;
  for (const auto& id : channel.ids)
    text += (text.empty() ? "" : ":") + id;
  if (!channel.wwpn.empty()) text += "/" + channel.wwpn + "/" + channel.lun;
  return text;
}

}  // namespace mkcapture
