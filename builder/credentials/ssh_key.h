// The private key as dbclient reads it: in dropbear's own format.
#pragma once

#include <string>
#include <string_view>

#include "builder/base/usage.h"
#include "builder/host/host.h"

namespace mkcapture {

enum class KeyFormat {
  kDropbear,  // dropbearkey(1)
  kOpenSsh,   // "-----BEGIN OPENSSH PRIVATE KEY-----" (PROTOCOL.key)
  kPem,       // "-----BEGIN RSA PRIVATE KEY-----" and kin
  kPublic,    // a public key, by mistake
  kUnknown
};
struct KeyKind {
  KeyFormat format = KeyFormat::kUnknown;
  bool encrypted = false;
};
/// Looks at a private key file. Pure.
[[nodiscard]] KeyKind detect_key(std::string_view bytes);

/// The bytes of etc/ssh/id_dropbear for a key file in either format; OpenSSH's is converted with
/// dropbearconvert. Errors: unreadable, encrypted, a public key, no converter.
[[nodiscard]] Result<std::string> dropbear_key(const std::string& file, Host& host);

}  // namespace mkcapture
