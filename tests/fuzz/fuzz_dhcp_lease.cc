// Leases: what is accepted can be given to an interface, and its canonical text means the same.
#include <cstdint>
#include <cstdlib>

#include "init/net/dhcp.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  (void)mkcapture::init::valid_interface_name(text);
  const auto lease = mkcapture::init::parse_lease(text);
  if (!lease) return 0;
  if (lease->address.unusable() || lease->prefix < 1 || lease->prefix > 32) std::abort();
  if (lease->dns.size() > 3 || lease->routers.size() > 4) std::abort();
  const auto again = mkcapture::init::parse_lease(mkcapture::init::format_lease(*lease));
  if (!again || *again != *lease) std::abort();
  return 0;
}
