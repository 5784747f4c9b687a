// What the kinds of target have in common as text: absolute paths, and servers. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "init/base/result.h"

namespace mkcapture {

struct ServerName {
  std::string host;        // name, IPv4, or IPv6 without its brackets; never begins with '-'
  std::uint16_t port = 0;  // 0: the protocol's default

  bool operator==(const ServerName&) const = default;
};

/// Parses "HOST", "HOST:PORT", "[V6]" or "[V6]:PORT".
[[nodiscard]] Result<ServerName> parse_server(std::string_view text);
[[nodiscard]] std::string to_string(const ServerName& server);

/// "/a//b/./c/" -> "/a/b/c"; refuses what is relative or climbs with "..".
[[nodiscard]] Result<std::string> parse_path(std::string_view text);

}  // namespace mkcapture
