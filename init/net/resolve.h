// Names of servers, and connections to them, with limits.
#pragma once

#include <string>
#include <vector>

#include "init/base/result.h"
#include "init/base/unique_fd.h"
#include "init/net/ip_address.h"
#include "init/system/system.h"

namespace mkcapture::init {

/// /etc/resolv.conf as musl reads it: at most three servers, one search domain, and limits that
/// keep a question to a dead server at a few seconds. Leaves the file alone where `servers` is
/// empty.
Status write_resolv_conf(System& system, const std::vector<IpAddress>& servers,
                         const std::string& domain);

/// The addresses of a server by name or number, in the order to try them. Names are asked for until
/// one is known or `deadline` passes.
[[nodiscard]] Result<std::vector<IpAddress>> resolve(System& system, const std::string& host,
                                                     const Deadline& deadline);

struct Connection {
  UniqueFd fd;        // connected, blocking
  IpAddress address;  // the server's, of those tried
  IpAddress local;    // this machine's on that connection
};

/// Connects to the first address that answers, again and again until `deadline` passes: a server
/// may be starting up. The error is the last attempt's: "connect to 10.0.2.2 port 22: Connection
/// refused". The socket's own limits end a connection whose peer is silent for `silence`.
[[nodiscard]] Result<Connection> connect_tcp(System& system,
                                             const std::vector<IpAddress>& addresses,
                                             std::uint16_t port, Milliseconds silence,
                                             const Deadline& deadline);

}  // namespace mkcapture::init
