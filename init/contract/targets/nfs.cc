#include "init/contract/targets/nfs.h"

#include "init/contract/nfs_options.h"

namespace mkcapture {

Result<NfsSpec> NfsSpec::parse(std::string_view text) {
  NfsSpec spec;
  const auto question = text.find('?');
  if (question != std::string_view::npos) {
    spec.options = text.substr(question + 1);
    text = text.substr(0, question);
    if (spec.options.find_first_of(" ,") != std::string::npos) {
      return fail("the options behind '?' are separated by '&'");
    }
  }
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) return fail("the path behind the server is missing");
  TRY_ASSIGN(server, parse_server(text.substr(0, slash)));
  TRY_ASSIGN(path, parse_path(text.substr(slash)));
  spec.server = std::move(server);
  spec.path = std::move(path);
  return spec;
}

std::string NfsSpec::to_string() const {
  return std::string(kPrefix) + mkcapture::to_string(server) + path +
         (options.empty() ? "" : "?" + options);
}

TargetNeeds NfsSpec::needs() const {
  TargetNeeds needs;
  needs.server = server;
  needs.directory = path;
  const auto parsed = parse_nfs_options(options);
  if (!parsed || parsed->needs_v4()) needs.module_sets.emplace_back("nfs4");
  if (!parsed || parsed->needs_v3()) needs.module_sets.emplace_back("nfs3");
  return needs;
}

Status NfsSpec::check() const {
  TRY(parse_nfs_options(options));
  return {};
}

}  // namespace mkcapture
