// A network in which a server answers. Where no card is named, the first one with a lease need not
// be the one that leads there: a management processor's USB card has a DHCP server, too.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "init/net/bring_up.h"

namespace mkcapture::init {

/// Brings up the network and gives the addresses of `host`. Where another card may be asked for a
/// lease, `port` must answer there (refusing counts) within ten seconds; else that card is set down
/// and the next one is asked, round and round until `deadline`. Enters kLink, kAddress, kConnect.
[[nodiscard]] Result<std::vector<IpAddress>> find_server(CaptureContext context,
                                                         LinkControl& control,
                                                         const std::string& host,
                                                         std::uint16_t port,
                                                         const Deadline& deadline);

}  // namespace mkcapture::init
