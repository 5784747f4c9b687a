// The framing of netlink(7), include/uapi/linux/netlink.h: messages with a 16-byte header,
// attributes with a 4-byte one, both padded to 4 bytes, in the machine's byte order. Pure: bytes
// in, bytes out; what is read is checked, so a reader never hands out a span beyond its input.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace mkcapture::init {

/// Builds one message: header, the family's fixed struct, attributes.
class NetlinkWriter {
 public:
  /// `type` RTM_..., `flags` NLM_F_...
  NetlinkWriter(std::uint16_t type, std::uint16_t flags, std::uint32_t sequence);

  /// The fixed struct behind the header (ifinfomsg, ifaddrmsg, rtmsg); before any attribute.
  template <class T>
  void fixed(const T& value) {
    append(std::as_bytes(std::span(&value, 1)));
  }

  void attribute(std::uint16_t type, std::span<const std::byte> data);
  template <class T>
    requires std::is_integral_v<T>
  void number(std::uint16_t type, T value) {
    attribute(type, std::as_bytes(std::span(&value, 1)));
  }
  void text(std::uint16_t type, std::string_view value);  // with its terminating NUL

  /// Attributes written until end() are inside this one.
  [[nodiscard]] std::size_t begin(std::uint16_t type);
  void end(std::size_t begun);

  /// The message with its length filled in.
  [[nodiscard]] std::vector<std::byte> finish() &&;

 private:
  void append(std::span<const std::byte> data);  // and pads
  std::vector<std::byte> bytes_;
};

struct NetlinkMessage {
  std::uint16_t type = 0;
  std::uint16_t flags = 0;
  std::uint32_t sequence = 0;
  std::span<const std::byte> payload;
};

/// Walks the messages of one datagram. Ends at the first one whose length cannot be right.
class NetlinkReader {
 public:
  explicit NetlinkReader(std::span<const std::byte> datagram) : rest_(datagram) {}
  [[nodiscard]] std::optional<NetlinkMessage> next();

 private:
  std::span<const std::byte> rest_;
};

struct NetlinkAttribute {
  std::uint16_t type = 0;  // without the NLA_F_ bits
  std::span<const std::byte> data;

  template <class T>
  [[nodiscard]] std::optional<T> number() const {
    if (data.size() < sizeof(T)) return std::nullopt;
    T value;
    std::memcpy(&value, data.data(), sizeof value);
    return value;
  }
  [[nodiscard]] std::string text() const;  // up to the first NUL
};

/// Walks attributes. Ends at the first one whose length cannot be right.
class AttributeReader {
 public:
  explicit AttributeReader(std::span<const std::byte> bytes) : rest_(bytes) {}
  [[nodiscard]] std::optional<NetlinkAttribute> next();

 private:
  std::span<const std::byte> rest_;
};

}  // namespace mkcapture::init
