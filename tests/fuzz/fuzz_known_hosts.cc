// known_hosts and private keys: files that users give.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "builder/credentials/known_hosts.h"
#include "builder/credentials/ssh_key.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  (void)mkcapture::detect_key(text);
  std::vector<std::string> warnings;
  const auto lines =
      mkcapture::known_hosts_for(text, {{"server", 0}, {"10.0.2.2", 2222}}, warnings);
  if (!lines) return 0;
  // What comes out is what dbclient reads, and finding it again changes nothing.
  const auto again = mkcapture::known_hosts_for(*lines, {{"server", 0}}, warnings);
  if (!again) std::abort();
  return 0;
}
