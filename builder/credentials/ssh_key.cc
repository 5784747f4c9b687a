#include "builder/credentials/ssh_key.h"

#include <fmt/format.h>

#include <cstdint>

#include "builder/credentials/base64.h"

namespace mkcapture {

namespace {

constexpr std::size_t kMaxKeyFile = 256 << 10;

// A string of the SSH wire format (RFC 4251): four bytes of length, big-endian, and the bytes.
std::string_view take_ssh_string(std::string_view& bytes) {
  if (bytes.size() < 4) return {};
  std::size_t length = 0;
  for (int i = 0; i < 4; ++i)
    length = length << 8 | static_cast<std::uint8_t>(bytes[i]);
  if (length > bytes.size() - 4) return {};
  const auto text = bytes.substr(4, length);
  bytes.remove_prefix(4 + length);
  return text;
}

// PROTOCOL.key of OpenSSH: magic, then the name of the cipher.
bool openssh_is_encrypted(std::string_view armored) {
  constexpr std::string_view kMagic("openssh-key-v1\0", 15);
  const auto begin = armored.find('\n');
  const auto end = armored.find("-----END");
  if (begin == std::string_view::npos || end == std::string_view::npos || end < begin) return false;
  const auto body = decode_base64(armored.substr(begin, end - begin));
  if (!body || !body->starts_with(kMagic)) return false;
  std::string_view rest = std::string_view(*body).substr(kMagic.size());
  return take_ssh_string(rest) != "none";
}

}  // namespace

KeyKind detect_key(std::string_view bytes) {
  if (bytes.starts_with("-----BEGIN OPENSSH PRIVATE KEY-----"))
    return {KeyFormat::kOpenSsh, openssh_is_encrypted(bytes)};
  if (bytes.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----")) return {KeyFormat::kPem, true};
  if (bytes.starts_with("-----BEGIN ") &&
      bytes.substr(0, bytes.find('\n')).find("PRIVATE KEY-----") != std::string_view::npos)
    return {KeyFormat::kPem, bytes.find("\nProc-Type: 4,ENCRYPTED") != std::string_view::npos};
  for (const char* type : {"ssh-", "ecdsa-sha2-", "sk-", "---- BEGIN SSH2 PUBLIC KEY"})
    if (bytes.starts_with(type)) return {KeyFormat::kPublic, false};
  std::string_view rest = bytes;
  const auto type = take_ssh_string(rest);
  if (type.starts_with("ssh-") || type.starts_with("ecdsa-sha2-"))
    return {KeyFormat::kDropbear, false};
  return {};
}

Result<std::string> dropbear_key(const std::string& file, Host& host) {
  auto bytes = host.read_whole(file, kMaxKeyFile);
  if (!bytes) return std::move(bytes).error();
  const KeyKind kind = detect_key(*bytes);
  if (kind.encrypted)
    return fail(file +
                ": the key has a passphrase, and nobody will be there to type it; make one "
                "without (ssh-keygen -N '')");
  switch (kind.format) {
    case KeyFormat::kDropbear:
      return bytes;
    case KeyFormat::kPublic:
      return fail(file + ": a public key; the private one is wanted");
    case KeyFormat::kUnknown:
      return fail(file + ": no private key of OpenSSH or dropbear");
    case KeyFormat::kOpenSsh:
    case KeyFormat::kPem:
      break;
  }
  // By its standard output: the key is in no other file at any time. /dev/stdout is a link that not
  // every /dev has.
  auto converted = host.run({"dropbearconvert", "openssh", "dropbear", file, "/proc/self/fd/1"});
  if (!converted)
    return fail(fmt::format("{}: cannot be converted for dbclient (is dropbear-bin installed?): {}",
                            file, converted.error().message));
  if (detect_key(*converted).format != KeyFormat::kDropbear)
    return fail(file + ": dropbearconvert did not convert it");
  return converted;
}

}  // namespace mkcapture
