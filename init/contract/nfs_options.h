// The options of an nfs:// target, "vers=4.2&timeo=50", as nfs(5) names them. Pure; the builder
// checks them and learns which modules they need, /init mounts with them.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "init/base/result.h"

namespace mkcapture {

enum class NfsVersion { k3, k4, k41, k42 };
[[nodiscard]] const char* to_string(NfsVersion v);  // "3", "4.0", "4.1", "4.2"

struct NfsOptions {
  /// From vers= or nfsvers=: "3", "4.0", "4.1" or "4.2" is that one alone; "4" all
  /// of 4.2, 4.1, 4.0; without it those and 3. In the order to try them.
  std::vector<NfsVersion> versions;
  /// The others as they go to the kernel, "rsize=65536", in their order.
  std::vector<std::string> others;

  [[nodiscard]] bool has(std::string_view key) const;  // "timeo" in others
  [[nodiscard]] bool needs_v3() const;
  [[nodiscard]] bool needs_v4() const;
};

/// Parses what follows the '?'. Words of fstab that are not the kernel's (_netdev, nofail, retry=,
/// x-*
/// ...) are dropped. Errors for: options that are not known, versions that the image does not speak
/// (2), hard (a dead server must end in a verdict), udp, Kerberos (no keys here), options that
/// belong elsewhere (addr, port) and characters that do not belong into a mount option.
[[nodiscard]] Result<NfsOptions> parse_nfs_options(std::string_view text);

}  // namespace mkcapture
