// Datagrams of rtnetlink: whatever the bytes, the walk ends and stays inside of them.
#include <cstdint>
#include <cstdlib>

#include "init/net/netlink.h"
#include "init/net/rtnl_messages.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  mkcapture::init::NetlinkReader reader(std::as_bytes(std::span(data, size)));
  std::size_t messages = 0;
  while (const auto message = reader.next()) {
    if (++messages > size) std::abort();  // each takes at least its header
    if (const auto link = mkcapture::init::rtnl::parse_link(*message)) {
      if (link->has_link && !link->up) std::abort();
    }
    if (const auto address = mkcapture::init::rtnl::parse_address(*message)) {
      (void)mkcapture::init::to_string(address->address);
    }
    const auto error = mkcapture::init::rtnl::parse_error(*message);
    if (error && (*error < 0 || *error > 4095)) std::abort();
  }
  return 0;
}
