#include "init/contract/targets/places.h"

#include <arpa/inet.h>

#include "init/base/text.h"
#include "init/base/units.h"

namespace mkcapture {
namespace {

/// "fe80::1" or "fe80::1%eth0".
bool is_ipv6(std::string_view text) {
  const auto percent = text.find('%');
  if (percent != std::string_view::npos) {
    const auto zone = text.substr(percent + 1);
    const auto plain = [](char c) { return is_alnum(c) || c == '.' || c == '-' || c == '_'; };
    if (zone.empty() || !all_of(zone, plain)) return false;
  }
  in6_addr address;
  const std::string without_zone(text.substr(0, percent));
  return inet_pton(AF_INET6, without_zone.c_str(), &address) == 1;
}

bool is_host_name(std::string_view text) {
  // No '-' in front: the name becomes an argument of programs.
  return !text.empty() && text.front() != '-' && text.size() <= 253 &&
         all_of(text, [](char c) { return is_alnum(c) || c == '.' || c == '-' || c == '_'; });
}

}  // namespace

Result<std::string> parse_path(std::string_view text) {
  if (!text.starts_with('/')) {
    return fail("the path '" + std::string(text) + "' must begin with '/'");
  }
  std::string path;
  for (const auto part : split(text, '/')) {
    if (part.empty() || part == ".") continue;
    if (part == "..") return fail("the path '" + std::string(text) + "' must not contain '..'");
    path += '/';
    path += part;
  }
  return path.empty() ? std::string("/") : path;
}

Result<ServerName> parse_server(std::string_view text) {
  std::string_view host;
  if (consume(text, "[")) {
    const auto end = text.find(']');
    if (end == std::string_view::npos) return fail("']' is missing behind the IPv6 address");
    host = text.substr(0, end);
    text.remove_prefix(end + 1);
    if (!is_ipv6(host)) return fail("'" + std::string(host) + "' is no IPv6 address");
  } else {
    host = text.substr(0, text.find(':'));
    text.remove_prefix(host.size());
    if (text.find(':') != text.rfind(':')) return fail("an IPv6 address stands in brackets");
    if (!is_host_name(host)) {
      return fail(host.empty() ? "the server's name is missing"
                               : "'" + std::string(host) + "' is no host name");
    }
  }
  if (text.empty()) return ServerName{std::string(host), 0};
  if (!consume(text, ":")) return fail("unexpected '" + std::string(text) + "' behind the host");
  const auto port = parse_number(text);
  if (!port || *port < 1 || *port > 65535) {
    return fail("the port '" + std::string(text) + "' is not in 1..65535");
  }
  return ServerName{std::string(host), static_cast<std::uint16_t>(*port)};
}

std::string to_string(const ServerName& server) {
  const bool v6 = server.host.find(':') != std::string::npos;
  std::string text = v6 ? "[" + server.host + "]" : server.host;
  if (server.port != 0) text += ":" + std::to_string(server.port);
  return text;
}

}  // namespace mkcapture
