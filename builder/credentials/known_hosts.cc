#include "builder/credentials/known_hosts.h"

#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>

#include "builder/credentials/base64.h"
#include "builder/credentials/sha1.h"

namespace mkcapture {

namespace {

constexpr std::uint16_t kSshPort = 22;

// One line: "[marker] names type base64 [comment]".
struct Line {
  std::string_view names, type, key;
  bool authority = false;
};

std::string_view take_word(std::string_view& text) {
  const auto begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return text = {};
  const auto end = std::min(text.find_first_of(" \t\r", begin), text.size());
  const auto word = text.substr(begin, end - begin);
  text.remove_prefix(end);
  return word;
}

Line parse_line(std::string_view text) {
  Line line;
  line.names = take_word(text);
  // A "@revoked" line is no key of a server; '#' begins a comment.
  if (line.names == "@cert-authority") {
    line.authority = true;
    line.names = take_word(text);
  }
  if (line.names.empty() || line.names.front() == '#' || line.names.front() == '@') return {};
  line.type = take_word(text);
  line.key = take_word(text);
  return line;
}

std::string lower(std::string_view text) {
  std::string all(text);
  std::transform(all.begin(), all.end(), all.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return all;
}

// "|1|SALT|HASH": HMAC-SHA1 of the name, keyed with the salt.
bool matches_hashed(std::string_view hashed, const std::string& name) {
  const auto bar = hashed.find('|', 3);
  if (bar == std::string_view::npos) return false;
  const auto salt = decode_base64(hashed.substr(3, bar - 3));
  const auto hash = decode_base64(hashed.substr(bar + 1));
  if (!salt || !hash) return false;
  const auto digest = hmac_sha1(*salt, name);
  return std::equal(hash->begin(), hash->end(), digest.begin(), digest.end(),
                    [](char a, std::uint8_t b) { return static_cast<std::uint8_t>(a) == b; });
}

// `names`: comma-separated patterns, '!' before one that must not match; or one hashed name.
bool matches(std::string_view names, const std::string& name) {
  if (names.starts_with("|1|")) return matches_hashed(names, name);
  bool found = false;
  while (!names.empty()) {
    const auto end = names.find(',');
    std::string pattern = lower(names.substr(0, end));
    const bool negated = pattern.starts_with('!');
    if (negated) pattern.erase(0, 1);
    // '[' is a bracket around the host here, not one of fnmatch's.
    std::string escaped;
    for (const char c : pattern)
      escaped += c == '[' || c == '\\' ? std::string{'\\', c} : std::string{c};
    if (::fnmatch(escaped.c_str(), name.c_str(), 0) == 0) {
      if (negated) return false;
      found = true;
    }
    if (end == std::string_view::npos) break;
    names.remove_prefix(end + 1);
  }
  return found;
}

// The name that OpenSSH files a server under.
std::string filed_name(const SshServer& server) {
  if (!server.filed.empty()) return lower(server.filed);
  std::string host = lower(server.host);
  if (server.port == 0 || server.port == kSshPort) return host;
  return fmt::format("[{}]:{}", host, server.port);
}

struct HostKey {
  std::string_view type, key;
};

struct HostKeys {
  std::vector<HostKey> own;
  bool authority = false;  // an authority may vouch for the server
};

HostKeys keys_of(std::string_view text, const SshServer& server) {
  HostKeys keys;
  const std::string name = filed_name(server);
  while (!text.empty()) {
    const auto end = text.find('\n');
    const Line line = parse_line(text.substr(0, end));
    if (!line.key.empty() && decode_base64(line.key) && matches(line.names, name)) {
      if (line.authority) {
        keys.authority = true;
      } else {
        keys.own.push_back({line.type, line.key});
      }
    }
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return keys;
}

}  // namespace

Result<std::string> known_hosts_for(std::string_view text, const std::vector<SshServer>& servers,
                                    std::vector<std::string>& warnings) {
  std::vector<std::string> lines;
  for (const auto& server : servers) {
    const auto [keys, authority] = keys_of(text, server);
    const std::string scan =
        server.port == 0 || server.port == kSshPort
            ? fmt::format("ssh-keyscan -t ed25519 {}", server.host)
            : fmt::format("ssh-keyscan -p {} -t ed25519 {}", server.port, server.host);
    if (keys.empty())
      return fail(fmt::format("no host key of {}{}; \"{}\" prints it", filed_name(server),
                              authority ? " itself, only an authority's (@cert-authority), and "
                                          "dbclient knows no certificates"
                                        : "",
                              scan));
    bool ed25519 = false;
    for (const auto& key : keys) {
      const std::string line = fmt::format("{} {} {}", server.host, key.type, key.key);
      const std::string start = fmt::format("{} {} ", server.host, key.type);
      for (const auto& other : lines)
        if (other.starts_with(start) && other != line)
          return fail(
              fmt::format("two {} keys of {}: dbclient can only know one; remove the line of the "
                          "key that the server has no more",
                          key.type, server.host));
      if (std::find(lines.begin(), lines.end(), line) == lines.end()) lines.push_back(line);
      ed25519 = ed25519 || key.type == "ssh-ed25519";
    }
    if (!ed25519)
      warnings.push_back(
          fmt::format("known_hosts has no ssh-ed25519 key of {}: where the server "
                      "offers one, dbclient asks for it and fails; \"{}\" prints it",
                      filed_name(server), scan));
  }
  std::string all;
  for (const auto& line : lines)
    all += line + "\n";
  return all;
}

}  // namespace mkcapture
