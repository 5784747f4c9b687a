#include "init/net/ip_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

namespace mkcapture::init {

int IpAddress::family() const noexcept {
  return v6 ? AF_INET6 : AF_INET;
}

bool IpAddress::unspecified() const noexcept {
  return std::ranges::all_of(span(), [](std::uint8_t b) { return b == 0; });
}

bool IpAddress::link_local() const noexcept {
  return v6 ? bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80 : bytes[0] == 169 && bytes[1] == 254;
}

bool IpAddress::unusable() const noexcept {
  if (!v6) return bytes[0] == 0 || bytes[0] == 127 || bytes[0] >= 224;
  const bool loopback =
      std::all_of(bytes.begin(), bytes.end() - 1, [](std::uint8_t b) { return b == 0; }) &&
      bytes[15] == 1;
  return unspecified() || loopback || bytes[0] == 0xff;
}

std::optional<IpAddress> parse_ip_address(std::string_view text) {
  char buffer[INET6_ADDRSTRLEN + 1];
  if (text.empty() || text.size() >= sizeof buffer || text.find('\0') != std::string_view::npos) {
    return std::nullopt;
  }
  std::memcpy(buffer, text.data(), text.size());
  buffer[text.size()] = '\0';
  IpAddress a;
  a.v6 = text.find(':') != std::string_view::npos;
  if (inet_pton(a.family(), buffer, a.bytes.data()) != 1) return std::nullopt;
  return a;
}

std::string to_string(const IpAddress& address) {
  char buffer[INET6_ADDRSTRLEN];
  const char* text = inet_ntop(address.family(), address.bytes.data(), buffer, sizeof buffer);
  return text != nullptr ? text : "";
}

bool same_subnet(const IpAddress& a, const IpAddress& b, int prefix) {
  if (a.v6 != b.v6 || prefix < 0 || prefix > a.max_prefix()) return false;
  const auto whole = static_cast<std::size_t>(prefix / 8);
  if (std::memcmp(a.bytes.data(), b.bytes.data(), whole) != 0) return false;
  const int rest = prefix % 8;
  if (rest == 0) return true;
  return ((a.bytes[whole] ^ b.bytes[whole]) >> (8 - rest)) == 0;
}

unsigned to_sockaddr(const IpAddress& address, std::uint16_t port, int scope,
                     sockaddr_storage& out) {
  std::memset(&out, 0, sizeof out);
  if (address.v6) {
    sockaddr_in6 s{};
    s.sin6_family = AF_INET6;
    s.sin6_port = htons(port);
    if (address.link_local()) s.sin6_scope_id = static_cast<std::uint32_t>(scope);
    std::memcpy(&s.sin6_addr, address.bytes.data(), 16);
    std::memcpy(&out, &s, sizeof s);
    return sizeof s;
  }
  sockaddr_in s{};
  s.sin_family = AF_INET;
  s.sin_port = htons(port);
  std::memcpy(&s.sin_addr, address.bytes.data(), 4);
  std::memcpy(&out, &s, sizeof s);
  return sizeof s;
}

}  // namespace mkcapture::init
