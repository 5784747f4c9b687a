// known_hosts as dbclient reads it: plain lines "HOST TYPE BASE64" and nothing else (its
// cli-kex.c). Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "builder/base/usage.h"

namespace mkcapture {

/// A server that must be in known_hosts.
struct SshServer {
  std::string host;        // as the target names it
  std::uint16_t port = 0;  // 0: 22
  std::string filed{};     // the name that its keys are filed under; empty: `host` and `port`
};

/// The lines of a known_hosts file (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT) for these servers, as
/// dbclient takes them: lists, [host]:port, wildcards and hashed names resolved; revoked keys and
/// certificate authorities left out. An error where a server has none, or two of one type. A server
/// without an
/// ssh-ed25519 key gets a line in `warnings`: dbclient prefers that type where the server has it.
[[nodiscard]] Result<std::string> known_hosts_for(std::string_view text,
                                                  const std::vector<SshServer>& servers,
                                                  std::vector<std::string>& warnings);

}  // namespace mkcapture
