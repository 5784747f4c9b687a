// Targets: where a dump can go. The specification as text (SPEC: `-t`, `capture.target=`), as a
// value, and back. Pure; shared by the builder (which resolves drivers for it) and /init.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "init/base/result.h"

namespace mkcapture {

/// How a block device is named. Names that follow probe order (/dev/sda) are accepted, but differ
/// between the production and the capture kernel; the builder turns them into UUIDs where it can.
struct DeviceName {
  enum class By { kPath, kUuid, kLabel, kPartUuid, kPartLabel };
  By by = By::kPath;
  std::string value;  // "/dev/..." for kPath, else what follows the '='
};

struct TargetSpec {
  enum class Kind { kDisk, kRaw, kNfs, kSsh };
  Kind kind = Kind::kDisk;

  DeviceName device;       // disk, raw
  std::string path;        // disk, ssh: directory for the dumps, absolute; nfs: EXPORT/PATH whole
  std::string host;        // nfs, ssh: name, IPv4, or IPv6 without its brackets
  std::uint16_t port = 0;  // nfs, ssh: 0 = the protocol's default
  std::string user;        // ssh
  std::string options;     // nfs: what follows the '?', "vers=4.2&timeo=50", unparsed
};

/// Parses "disk:DEVICE:PATH", "raw:DEVICE", "nfs://SERVER[:PORT]/EXPORT/PATH[?opts]" or
/// "ssh://USER@HOST[:PORT]/PATH". Everything is checked: empty parts, relative or ".." paths,
/// ports out of 1..65535, control characters. Errors say which part is wrong and what would be
/// right.
[[nodiscard]] Result<TargetSpec> parse_target(std::string_view text);

/// The canonical text: parse_target(to_string(t)) == t. Used in verdict lines.
[[nodiscard]] std::string to_string(const TargetSpec& target);
[[nodiscard]] std::string to_string(const DeviceName& device);  // "UUID=...", "/dev/..."
/// Parses the DEVICE part alone.
[[nodiscard]] Result<DeviceName> parse_device(std::string_view text);

[[nodiscard]] bool operator==(const DeviceName& a, const DeviceName& b);
[[nodiscard]] bool operator==(const TargetSpec& a, const TargetSpec& b);

[[nodiscard]] inline bool needs_network(const TargetSpec& t) {
  return t.kind == TargetSpec::Kind::kNfs || t.kind == TargetSpec::Kind::kSsh;
}

}  // namespace mkcapture
