#include "init/contract/targets/ssh.h"

namespace mkcapture {

Result<SshSpec> SshSpec::parse(std::string_view text) {
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) return fail("the path behind the server is missing");
  const std::string_view authority = text.substr(0, slash);
  const auto at = authority.rfind('@');
  if (at == std::string_view::npos || at == 0) {
    return fail("the user is missing: write ssh://USER@HOST/PATH");
  }
  const auto user = authority.substr(0, at);
  // As for the host: the user becomes an argument of dbclient. Names of a directory service may
  // hold an '@' of their own.
  if (user.front() == '-' || user.find_first_of(" \"'\\:,") != std::string_view::npos) {
    return fail("'" + std::string(user) + "' is no user name");
  }
  TRY_ASSIGN(server, parse_server(authority.substr(at + 1)));
  TRY_ASSIGN(path, parse_path(text.substr(slash)));
  return SshSpec{std::string(user), std::move(server), std::move(path)};
}

std::string SshSpec::to_string() const {
  return std::string(kPrefix) + user + "@" + mkcapture::to_string(server) + path;
}

TargetNeeds SshSpec::needs() const {
  TargetNeeds needs;
  needs.server = server;
  needs.module_sets = {"ssh"};
  needs.ssh_key = true;
  needs.directory = path;
  return needs;
}

}  // namespace mkcapture
