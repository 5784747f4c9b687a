#include "init/contract/target.h"

#include <arpa/inet.h>

#include "init/base/text.h"
#include "init/base/units.h"

namespace mkcapture {
namespace {

constexpr std::size_t kMaxTargetBytes = 4096;

struct DevicePrefix {
  std::string_view text;
  DeviceName::By by;
};
constexpr DevicePrefix kDevicePrefixes[] = {{"UUID=", DeviceName::By::kUuid},
                                            {"LABEL=", DeviceName::By::kLabel},
                                            {"PARTUUID=", DeviceName::By::kPartUuid},
                                            {"PARTLABEL=", DeviceName::By::kPartLabel},
                                            {"", DeviceName::By::kPath}};

constexpr std::string_view kForms =
    "write disk:DEVICE:PATH, raw:DEVICE, nfs://SERVER[:PORT]/EXPORT/PATH or "
    "ssh://USER@HOST[:PORT]/PATH";

/// "/a//b/./c/" -> "/a/b/c"; refuses what is relative or climbs with "..".
Result<std::string> parse_path(std::string_view text) {
  if (!text.starts_with('/')) {
    return fail("the path '" + std::string(text) + "' must begin with '/'");
  }
  std::string path;
  for (const auto part : split(text, '/')) {
    if (part.empty() || part == ".") continue;
    if (part == "..") return fail("the path '" + std::string(text) + "' must not contain '..'");
    path += '/';
    path += part;
  }
  return path.empty() ? std::string("/") : path;
}

/// "fe80::1" or "fe80::1%eth0".
bool is_ipv6(std::string_view text) {
  const auto percent = text.find('%');
  if (percent != std::string_view::npos) {
    const auto zone = text.substr(percent + 1);
    const auto plain = [](char c) { return is_alnum(c) || c == '.' || c == '-' || c == '_'; };
    if (zone.empty() || !all_of(zone, plain)) return false;
  }
  in6_addr address;
  const std::string without_zone(text.substr(0, percent));
  return inet_pton(AF_INET6, without_zone.c_str(), &address) == 1;
}

bool is_host_name(std::string_view text) {
  // No '-' in front: the name becomes an argument of programs.
  return !text.empty() && text.front() != '-' && text.size() <= 253 &&
         all_of(text, [](char c) { return is_alnum(c) || c == '.' || c == '-' || c == '_'; });
}

/// "HOST", "HOST:PORT", "[V6]", "[V6]:PORT" into target.host and target.port.
Status parse_host_and_port(std::string_view text, TargetSpec& target) {
  std::string_view host;
  if (consume(text, "[")) {
    const auto end = text.find(']');
    if (end == std::string_view::npos) return fail("']' is missing behind the IPv6 address");
    host = text.substr(0, end);
    text.remove_prefix(end + 1);
    if (!is_ipv6(host)) return fail("'" + std::string(host) + "' is no IPv6 address");
  } else {
    host = text.substr(0, text.find(':'));
    text.remove_prefix(host.size());
    if (text.find(':') != text.rfind(':')) return fail("an IPv6 address stands in brackets");
    if (!is_host_name(host)) {
      return fail(host.empty() ? "the server's name is missing"
                               : "'" + std::string(host) + "' is no host name");
    }
  }
  target.host = host;
  if (text.empty()) return {};
  if (!consume(text, ":")) return fail("unexpected '" + std::string(text) + "' behind the host");
  const auto port = parse_number(text);
  if (!port || *port < 1 || *port > 65535) {
    return fail("the port '" + std::string(text) + "' is not in 1..65535");
  }
  target.port = static_cast<std::uint16_t>(*port);
  return {};
}

Result<TargetSpec> parse_disk(std::string_view text) {
  // The first ":/" is the border: labels and /dev/disk/by-path/ names may contain ':'.
  const auto border = text.find(":/");
  if (border == std::string_view::npos) {
    return fail("no absolute path behind the device: write disk:DEVICE:/PATH");
  }
  TargetSpec target;
  target.kind = TargetSpec::Kind::kDisk;
  auto device = parse_device(text.substr(0, border));
  if (!device) return std::move(device).error();
  target.device = *std::move(device);
  auto path = parse_path(text.substr(border + 1));
  if (!path) return std::move(path).error();
  target.path = *std::move(path);
  return target;
}

Result<TargetSpec> parse_raw(std::string_view text) {
  TargetSpec target;
  target.kind = TargetSpec::Kind::kRaw;
  auto device = parse_device(text);
  if (!device) return std::move(device).error();
  target.device = *std::move(device);
  return target;
}

Result<TargetSpec> parse_nfs(std::string_view text) {
  TargetSpec target;
  target.kind = TargetSpec::Kind::kNfs;
  const auto question = text.find('?');
  if (question != std::string_view::npos) {
    target.options = text.substr(question + 1);
    text = text.substr(0, question);
    if (target.options.find_first_of(" ,") != std::string::npos) {
      return fail("the options behind '?' are separated by '&'");
    }
  }
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) return fail("the path behind the server is missing");
  TRY(parse_host_and_port(text.substr(0, slash), target));
  auto path = parse_path(text.substr(slash));
  if (!path) return std::move(path).error();
  target.path = *std::move(path);
  return target;
}

Result<TargetSpec> parse_ssh(std::string_view text) {
  TargetSpec target;
  target.kind = TargetSpec::Kind::kSsh;
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) return fail("the path behind the server is missing");
  std::string_view authority = text.substr(0, slash);
  const auto at = authority.rfind('@');
  if (at == std::string_view::npos || at == 0) {
    return fail("the user is missing: write ssh://USER@HOST/PATH");
  }
  const auto user = authority.substr(0, at);
  // As for the host: the user becomes an argument of dbclient.
  if (user.front() == '-' || user.find_first_of(" \"'\\:@,") != std::string_view::npos) {
    return fail("'" + std::string(user) + "' is no user name");
  }
  target.user = user;
  TRY(parse_host_and_port(authority.substr(at + 1), target));
  auto path = parse_path(text.substr(slash));
  if (!path) return std::move(path).error();
  target.path = *std::move(path);
  return target;
}

Result<TargetSpec> parse_kind(std::string_view text) {
  if (consume(text, "disk:")) return parse_disk(text);
  if (consume(text, "raw:")) return parse_raw(text);
  if (consume(text, "nfs://")) return parse_nfs(text);
  if (consume(text, "ssh://")) return parse_ssh(text);
  return fail(std::string(kForms));
}

std::string host_and_port(const TargetSpec& target) {
  const bool v6 = target.host.find(':') != std::string::npos;
  std::string text = v6 ? "[" + target.host + "]" : target.host;
  if (target.port != 0) text += ":" + std::to_string(target.port);
  return text;
}

}  // namespace

Result<DeviceName> parse_device(std::string_view text) {
  for (const auto& prefix : kDevicePrefixes) {
    std::string_view value = text;
    if (!consume(value, prefix.text)) continue;
    if (!all_of(value, [](char c) { return !is_control(c); })) {
      return fail("the device's name contains a control character");
    }
    if (prefix.by != DeviceName::By::kPath) {
      if (value.empty()) return fail("nothing follows " + std::string(prefix.text));
      return DeviceName{prefix.by, std::string(value)};
    }
    auto path = parse_path(value);
    if (!path || !path->starts_with("/dev/")) break;
    return DeviceName{prefix.by, *std::move(path)};
  }
  return fail("'" + std::string(text) +
              "' is no device: write UUID=, LABEL=, PARTUUID=, PARTLABEL= or /dev/...");
}

Result<TargetSpec> parse_target(std::string_view text) {
  const auto refuse = [&](Error error) {
    return std::move(error).within("target '" + std::string(text.substr(0, 200)) + "'");
  };
  if (text.size() > kMaxTargetBytes) return refuse(fail("too long"));
  if (!all_of(text, [](char c) { return !is_control(c); })) {
    return fail("the target contains a control character");
  }
  auto target = parse_kind(text);
  if (!target) return refuse(std::move(target).error());
  return target;
}

std::string to_string(const DeviceName& device) {
  for (const auto& prefix : kDevicePrefixes) {
    if (prefix.by == device.by) return std::string(prefix.text) + device.value;
  }
  return device.value;
}

std::string to_string(const TargetSpec& target) {
  switch (target.kind) {
    case TargetSpec::Kind::kDisk:
      return "disk:" + to_string(target.device) + ":" + target.path;
    case TargetSpec::Kind::kRaw:
      return "raw:" + to_string(target.device);
    case TargetSpec::Kind::kNfs:
      return "nfs://" + host_and_port(target) + target.path +
             (target.options.empty() ? "" : "?" + target.options);
    case TargetSpec::Kind::kSsh:
      break;
  }
  return "ssh://" + target.user + "@" + host_and_port(target) + target.path;
}

bool operator==(const DeviceName& a, const DeviceName& b) {
  return a.by == b.by && a.value == b.value;
}

bool operator==(const TargetSpec& a, const TargetSpec& b) {
  return a.kind == b.kind && a.device == b.device && a.path == b.path && a.host == b.host &&
         a.port == b.port && a.user == b.user && a.options == b.options;
}

}  // namespace mkcapture
