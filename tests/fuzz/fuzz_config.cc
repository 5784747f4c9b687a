// etc/capture.conf: what parses is formatted and must parse back to the same text.
#include <cstdint>
#include <cstdlib>

#include "init/contract/capture_config.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto config = mkcapture::parse_config({reinterpret_cast<const char*>(data), size});
  if (!config) return 0;
  const std::string text = mkcapture::format_config(*config);
  const auto again = mkcapture::parse_config(text);
  if (!again || mkcapture::format_config(*again) != text) std::abort();
  return 0;
}
