// Packets of the uevent socket.
#include <cstdint>
#include <cstdlib>

#include "init/system/system.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view packet(reinterpret_cast<const char*>(data), size);
  const auto event = mkcapture::init::parse_uevent(packet);
  if (!event) return 0;
  if (event->action.empty() || !event->devpath.starts_with('/')) std::abort();
  for (const auto& [key, value] : event->keys) {
    if (event->get(key).size() > size || value.size() > size) std::abort();
  }
  return 0;
}
