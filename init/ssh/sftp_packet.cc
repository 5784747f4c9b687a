#include "init/ssh/sftp_packet.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace mkcapture::init::sftp {
namespace {

constexpr std::size_t kMaxMessage = 200;
constexpr std::size_t kMaxExtensions = 64;

void put(std::string& to, std::uint64_t value, int bytes) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) {
    to += static_cast<char>(value >> shift & 0xff);
  }
}

}  // namespace

PacketWriter::PacketWriter(Type type) : bytes_(kLengthBytes, '\0') {
  bytes_ += static_cast<char>(type);
}

PacketWriter::PacketWriter(Type type, std::uint32_t id) : PacketWriter(type) {
  u32(id);
}

PacketWriter& PacketWriter::u32(std::uint32_t value) {
  put(bytes_, value, 4);
  return *this;
}

PacketWriter& PacketWriter::u64(std::uint64_t value) {
  put(bytes_, value, 8);
  return *this;
}

PacketWriter& PacketWriter::text(std::string_view value) {
  u32(static_cast<std::uint32_t>(value.size()));
  bytes_ += value;
  return *this;
}

PacketWriter& PacketWriter::attributes_mode(std::uint32_t mode) {
  return u32(kAttrMode).u32(mode);
}

PacketWriter& PacketWriter::attributes_size(std::uint64_t size) {
  return u32(kAttrSize).u64(size);
}

std::string PacketWriter::finish(std::size_t following) {
  std::string length;
  put(length, bytes_.size() - kLengthBytes + following, 4);
  bytes_.replace(0, kLengthBytes, length);
  return std::move(bytes_);
}

std::uint64_t PacketReader::number(std::size_t bytes) {
  if (rest_.size() < bytes) {
    ok_ = false;
    rest_ = {};
    return 0;
  }
  std::uint64_t value = 0;
  for (const char c : rest_.substr(0, bytes))
    value = value << 8 | static_cast<unsigned char>(c);
  rest_.remove_prefix(bytes);
  return value;
}

std::uint32_t PacketReader::u32() {
  return static_cast<std::uint32_t>(number(4));
}

std::uint64_t PacketReader::u64() {
  return number(8);
}

std::string_view PacketReader::text() {
  const std::uint32_t size = u32();
  if (size > rest_.size()) {
    ok_ = false;
    rest_ = {};
    return {};
  }
  const std::string_view value = rest_.substr(0, size);
  rest_.remove_prefix(size);
  return value;
}

Result<std::optional<Packet>> PacketStream::next() {
  buffer_.erase(0, taken_);
  taken_ = 0;
  if (buffer_.size() < kLengthBytes) return std::optional<Packet>();
  const std::string_view all(buffer_);
  const std::uint32_t length = PacketReader(all).u32();
  if (length == 0 || length > kMaxPacketBytes) {
    return fail("SFTP: a packet of " + std::to_string(length) + " bytes; the answer begins with '" +
                printable(all.substr(0, 60)) + "'");
  }
  if (all.size() - kLengthBytes < length) return std::optional<Packet>();
  taken_ = kLengthBytes + length;
  Packet packet;
  packet.type = static_cast<Type>(all[kLengthBytes]);
  packet.body = all.substr(kLengthBytes + 1, length - 1);
  if (packet.type != Type::kVersion) {
    PacketReader reader(packet.body);
    packet.id = reader.u32();
    if (!reader.ok()) return fail("SFTP: a packet without its request id");
    packet.body.remove_prefix(4);
  }
  return std::optional<Packet>(packet);
}

std::string printable(std::string_view text) {
  std::string clean(text.substr(0, kMaxMessage));
  std::ranges::replace_if(
      clean, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, '.');
  return clean;
}

std::optional<StatusReply> parse_status(std::string_view body) {
  PacketReader reader(body);
  StatusReply reply;
  reply.code = reader.u32();
  if (!reader.ok()) return std::nullopt;
  reply.message = printable(reader.text());  // older servers send none
  return reply;
}

Result<std::map<std::string, std::string>> parse_version(std::string_view body) {
  PacketReader reader(body);
  const std::uint32_t version = reader.u32();
  if (!reader.ok() || version < kVersion) return fail("SFTP: the server speaks no version 3");
  std::map<std::string, std::string> extensions;
  while (!reader.at_end() && extensions.size() < kMaxExtensions) {
    const std::string name(reader.text());
    const std::string data(reader.text());
    if (!reader.ok()) return fail("SFTP: the server's greeting is cut short");
    extensions.emplace(name, data);
  }
  return extensions;
}

namespace {

Attributes read_attributes(PacketReader& reader) {
  Attributes a;
  const std::uint32_t flags = reader.u32();
  if ((flags & kAttrSize) != 0) a.size = reader.u64();
  if ((flags & kAttrOwner) != 0) (void)reader.u64();  // uid and gid
  if ((flags & kAttrMode) != 0) a.mode = reader.u32();
  if ((flags & kAttrTimes) != 0) (void)reader.u64();  // of the last access and change
  if ((flags & kAttrExtended) != 0) {
    for (std::uint32_t pairs = reader.u32(); pairs > 0 && reader.ok(); --pairs) {
      (void)reader.text();
      (void)reader.text();
    }
  }
  return a;
}

}  // namespace

std::optional<Attributes> parse_attributes(std::string_view body) {
  PacketReader reader(body);
  const Attributes a = read_attributes(reader);
  if (!reader.ok()) return std::nullopt;
  return a;
}

std::optional<std::vector<Name>> parse_names(std::string_view body) {
  PacketReader reader(body);
  std::vector<Name> names;
  for (std::uint32_t left = reader.u32(); left > 0; --left) {
    std::string name(reader.text());
    (void)reader.text();  // as `ls -l` has it
    const Attributes attributes = read_attributes(reader);
    if (!reader.ok()) return std::nullopt;
    const bool plain = !name.empty() && name != "." && name != ".." &&
                       name.find('/') == std::string::npos && name.find('\0') == std::string::npos;
    if (plain) names.push_back({std::move(name), attributes});
  }
  if (!reader.ok()) return std::nullopt;
  return names;
}

std::optional<Space> parse_statvfs(std::string_view body) {
  PacketReader reader(body);
  (void)reader.u64();  // f_bsize
  const std::uint64_t fragment = reader.u64();
  const std::uint64_t blocks = reader.u64();
  (void)reader.u64();  // f_bfree
  const std::uint64_t available = reader.u64();
  Space space;
  if (!reader.ok() || __builtin_mul_overflow(fragment, available, &space.free) ||
      __builtin_mul_overflow(fragment, blocks, &space.total)) {
    return std::nullopt;
  }
  return space;
}

Error to_error(const StatusReply& reply) {
  const auto error = [&reply](ErrorKind kind, int words) {
    return Error(kind, reply.message.empty() ? std::string(std::strerror(words)) : reply.message);
  };
  switch (reply.code) {
    case kNoSuchFile:
      return error(ErrorKind::kUnavailable, ENOENT);
    case kPermissionDenied:
      return error(ErrorKind::kRefused, EACCES);
    case kUnsupported:
      return error(ErrorKind::kBroken, EOPNOTSUPP);
    default:
      return error(ErrorKind::kBroken, EIO);
  }
}

}  // namespace mkcapture::init::sftp
