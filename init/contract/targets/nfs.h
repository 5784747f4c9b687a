// nfs://SERVER[:PORT]/EXPORT/PATH[?OPTIONS]: a directory on an NFS server. The specification; the
// target itself is init/targets/nfs.h.
#pragma once

#include "init/contract/targets/needs.h"

namespace mkcapture {

struct NfsSpec {
  static constexpr std::string_view kPrefix = "nfs://";
  static constexpr std::string_view kForm = "nfs://SERVER[:PORT]/EXPORT/PATH";

  ServerName server;
  std::string path;     // EXPORT/PATH whole, absolute
  std::string options;  // what follows the '?', "vers=4.2&timeo=50", unparsed: nfs_options.h

  /// `text` is what follows the prefix.
  [[nodiscard]] static Result<NfsSpec> parse(std::string_view text);
  [[nodiscard]] std::string to_string() const;
  /// The versions that the options leave open; all where they are wrong.
  [[nodiscard]] TargetNeeds needs() const;
  /// The options.
  [[nodiscard]] Status check() const;
  bool operator==(const NfsSpec&) const = default;
};

}  // namespace mkcapture
