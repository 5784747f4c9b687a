#include "builder/plan/ssh_alias.h"

#include <fmt/format.h>

#include <map>

#include "init/base/text.h"
#include "init/base/units.h"

namespace mkcapture {

namespace {

constexpr std::uint16_t kSshPort = 22;

using Answers = std::map<std::string, std::string, std::less<>>;

// "hostname 10.0.0.5" lines; the first of a key counts.
Answers answers_of(std::string_view text) {
  Answers answers;
  for (const auto line : split(text, '\n')) {
    const auto blank = line.find(' ');
    if (blank != std::string_view::npos)
      answers.emplace(line.substr(0, blank), trim(line.substr(blank + 1)));
  }
  return answers;
}

std::string answer(const Answers& answers, std::string_view key) {
  const auto found = answers.find(key);
  return found == answers.end() || found->second == "none" ? "" : found->second;
}

std::string filed_name(const Answers& answers, const ServerName& server) {
  if (auto alias = answer(answers, "hostkeyalias"); !alias.empty()) return alias;
  if (server.port == 0 || server.port == kSshPort) return server.host;
  return fmt::format("[{}]:{}", server.host, server.port);
}

}  // namespace

Status resolve_ssh_alias(Host& host, const std::string& origin, TargetPlan& target) {
  auto* spec = std::get_if<SshSpec>(&target.spec);
  if (spec == nullptr) return {};
  const std::string asked = spec->server.host;
  const auto text = host.run({"ssh", "-G", "-l", spec->user, "--", asked});
  if (!text) return {};
  const Answers answers = answers_of(*text);
  for (const char* way : {"proxyjump", "proxycommand"})
    if (const auto through = answer(answers, way); !through.empty())
      return usage_error(origin,
                         fmt::format("this machine's ssh goes to {} by {} {}, which the image "
                                     "cannot: name a server that is reached directly",
                                     asked, way, through));
  const std::string name = answer(answers, "hostname");
  const auto port = parse_number(answer(answers, "port"));
  if (!name.empty()) spec->server.host = name;
  if (spec->server.port == 0 && port && *port != kSshPort && *port <= 65535)
    spec->server.port = static_cast<std::uint16_t>(*port);
  target.host_key_name = filed_name(answers, spec->server);
  if (name != asked && !name.empty())
    target.how = fmt::format("{} is {} by this machine's ssh configuration", asked, name);
  return {};
}

}  // namespace mkcapture
