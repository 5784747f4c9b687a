// SFTP version 3 packets as bytes (draft-ietf-secsh-filexfer-02): a 4-byte length, a type, for all
// but INIT and VERSION a request id, then the fields; big-endian throughout. Pure; what a server
// sends is untrusted and a reader never leaves its input.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "init/base/result.h"
#include "init/output/output.h"

namespace mkcapture::init::sftp {

inline constexpr std::uint32_t kVersion = 3;
/// Longest packet taken from a server; ours ask for nothing that needs more. OpenSSH's own limit.
inline constexpr std::uint32_t kMaxPacketBytes = 256 << 10;
inline constexpr std::size_t kLengthBytes = 4;

enum class Type : std::uint8_t {
  kInit = 1,
  kVersion = 2,
  kOpen = 3,
  kClose = 4,
  kWrite = 6,
  kFsetstat = 10,
  kOpendir = 11,
  kReaddir = 12,
  kRemove = 13,
  kMkdir = 14,
  kRmdir = 15,
  kStat = 17,
  kRename = 18,
  kStatus = 101,
  kHandle = 102,
  kName = 104,
  kAttrs = 105,
  kExtended = 200,
  kExtendedReply = 201
};

// Flags of OPEN.
inline constexpr std::uint32_t kOpenWrite = 0x02;
inline constexpr std::uint32_t kOpenCreate = 0x08;
inline constexpr std::uint32_t kOpenTruncate = 0x10;

// Flags of ATTRS.
inline constexpr std::uint32_t kAttrSize = 0x01;
inline constexpr std::uint32_t kAttrOwner = 0x02;
inline constexpr std::uint32_t kAttrMode = 0x04;
inline constexpr std::uint32_t kAttrTimes = 0x08;
inline constexpr std::uint32_t kAttrExtended = 0x80000000;

// Codes of STATUS.
inline constexpr std::uint32_t kOk = 0;
inline constexpr std::uint32_t kEnd = 1;
inline constexpr std::uint32_t kNoSuchFile = 2;
inline constexpr std::uint32_t kPermissionDenied = 3;
inline constexpr std::uint32_t kFailure = 4;
inline constexpr std::uint32_t kUnsupported = 8;

class PacketWriter {
 public:
  explicit PacketWriter(Type type);  // INIT
  PacketWriter(Type type, std::uint32_t id);

  PacketWriter& u32(std::uint32_t value);
  PacketWriter& u64(std::uint64_t value);
  PacketWriter& text(std::string_view value);  // length and bytes
  PacketWriter& attributes_mode(std::uint32_t mode);
  PacketWriter& attributes_size(std::uint64_t size);

  /// The packet, once; its length counts `following` bytes more that are sent right behind it.
  [[nodiscard]] std::string finish(std::size_t following = 0);

 private:
  std::string bytes_;
};

/// Takes fields off a packet's body. Once one is missing ok() is false and all later ones are zero.
class PacketReader {
 public:
  explicit PacketReader(std::string_view body) : rest_(body) {}
  std::uint32_t u32();
  std::uint64_t u64();
  std::string_view text();
  [[nodiscard]] bool ok() const noexcept { return ok_; }
  [[nodiscard]] bool at_end() const noexcept { return rest_.empty(); }

 private:
  std::uint64_t number(std::size_t bytes);
  std::string_view rest_;
  bool ok_ = true;
};

struct Packet {
  Type type{};
  std::uint32_t id = 0;   // 0 for VERSION
  std::string_view body;  // behind type and id
};

/// Cuts bytes off a stream into packets.
class PacketStream {
 public:
  void append(std::string_view bytes) { buffer_.append(bytes); }
  /// The next whole packet, nothing where more bytes are needed, or an error for a length that
  /// cannot be. The packet's body is valid until the next call of append() or next().
  [[nodiscard]] Result<std::optional<Packet>> next();
  [[nodiscard]] const std::string& pending() const noexcept { return buffer_; }

 private:
  std::string buffer_;
  std::size_t taken_ = 0;  // bytes of the front that the last packet was in
};

struct StatusReply {
  std::uint32_t code = 0;
  std::string message;  // the server's words, printable, at most 200 characters
};
[[nodiscard]] std::optional<StatusReply> parse_status(std::string_view body);
/// The extensions of a VERSION packet; an error where it is cut short or of a version below 3.
[[nodiscard]] Result<std::map<std::string, std::string>> parse_version(std::string_view body);

struct Attributes {
  std::optional<std::uint64_t> size;
  std::optional<std::uint32_t> mode;
  [[nodiscard]] bool is_directory() const { return mode && (*mode & 0170000) == 0040000; }
};
[[nodiscard]] std::optional<Attributes> parse_attributes(std::string_view body);

/// An entry of a folder. Its attributes are those of a link itself where it is one (lstat).
struct Name {
  std::string name;
  Attributes attributes;
};
/// The entries of a NAME packet, without "." and ".." and what is no name of a file; nothing where
/// it is cut short.
[[nodiscard]] std::optional<std::vector<Name>> parse_names(std::string_view body);

/// Of a statvfs@openssh.com reply (OpenSSH's PROTOCOL, 4.4).
[[nodiscard]] std::optional<Space> parse_statvfs(std::string_view body);

/// A server's text for a log line: control characters replaced, at most 200 characters.
[[nodiscard]] std::string printable(std::string_view text);

/// A status other than kOk as an error: the server's words, else the nearest errno's.
[[nodiscard]] Error to_error(const StatusReply& reply);

}  // namespace mkcapture::init::sftp
