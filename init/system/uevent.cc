#include "init/system/system.h"

namespace mkcapture::init {

std::string_view Uevent::get(std::string_view key) const {
  for (const auto& [name, value] : keys) {
    if (name == key) return value;
  }
  return {};
}

std::optional<Uevent> parse_uevent(std::string_view packet) {
  Uevent event;
  bool first = true;
  while (!packet.empty()) {
    const auto end = packet.find('\0');
    if (end == std::string_view::npos) return std::nullopt;
    const auto text = packet.substr(0, end);
    packet.remove_prefix(end + 1);
    const auto separator = text.find(first ? '@' : '=');
    if (first) {
      if (separator == std::string_view::npos || separator == 0) return std::nullopt;
      event.action = text.substr(0, separator);
      event.devpath = text.substr(separator + 1);
      if (!event.devpath.starts_with('/')) return std::nullopt;
      first = false;
    } else if (separator != std::string_view::npos) {
      event.keys.emplace_back(text.substr(0, separator), text.substr(separator + 1));
    }
  }
  if (first) return std::nullopt;
  return event;
}

}  // namespace mkcapture::init
