// ssh://USER@HOST[:PORT]/PATH: a directory on an SSH server. The specification; the target itself
// is init/targets/ssh.h.
#pragma once

#include "init/contract/targets/needs.h"

namespace mkcapture {

struct SshSpec {
  static constexpr std::string_view kPrefix = "ssh://";
  static constexpr std::string_view kForm = "ssh://USER@HOST[:PORT]/PATH";

  std::string user;  // never begins with '-'
  ServerName server;
  std::string path;  // absolute

  /// `text` is what follows the prefix.
  [[nodiscard]] static Result<SshSpec> parse(std::string_view text);
  [[nodiscard]] std::string to_string() const;
  [[nodiscard]] TargetNeeds needs() const;
  [[nodiscard]] Status check() const { return {}; }
  bool operator==(const SshSpec&) const = default;
};

}  // namespace mkcapture
