// An IPv4 or IPv6 address as a value. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

struct sockaddr_storage;

namespace mkcapture::init {

struct IpAddress {
  bool v6 = false;
  std::array<std::uint8_t, 16> bytes{};  // network order; IPv4 uses the first four

  [[nodiscard]] std::size_t size() const noexcept { return v6 ? 16 : 4; }
  [[nodiscard]] int max_prefix() const noexcept { return v6 ? 128 : 32; }
  [[nodiscard]] int family() const noexcept;  // AF_INET or AF_INET6
  [[nodiscard]] std::span<const std::uint8_t> span() const noexcept {
    return {bytes.data(), size()};
  }
  /// All bits zero: "no address".
  [[nodiscard]] bool unspecified() const noexcept;
  /// fe80::/10 or 169.254/16.
  [[nodiscard]] bool link_local() const noexcept;
  /// Multicast, loopback, broadcast or unspecified: nothing an interface can be given.
  [[nodiscard]] bool unusable() const noexcept;

  bool operator==(const IpAddress&) const = default;
};

/// The numeric forms only, "10.0.2.15" (four decimal parts) and "fd00::2"; no scope, no port.
[[nodiscard]] std::optional<IpAddress> parse_ip_address(std::string_view text);
[[nodiscard]] std::string to_string(const IpAddress& address);
/// The same family and equal in the first `prefix` bits.
[[nodiscard]] bool same_subnet(const IpAddress& a, const IpAddress& b, int prefix);

/// Fills a sockaddr; returns its length. `scope` is the interface's index for link-local IPv6.
unsigned to_sockaddr(const IpAddress& address, std::uint16_t port, int scope,
                     sockaddr_storage& out);

}  // namespace mkcapture::init
