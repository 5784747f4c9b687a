#include "builder/host/mountinfo.h"

namespace mkcapture {

namespace {

// The kernel writes space, tab, newline and backslash as \ooo (fs/proc_namespace.c, mangle_path).
std::string unescape(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto octal = [&](std::size_t at) {
      return at < text.size() && text[at] >= '0' && text[at] <= '7';
    };
    if (text[i] == '\\' && octal(i + 1) && octal(i + 2) && octal(i + 3)) {
      const int value = (text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0');
      plain += static_cast<char>(value & 0xff);
      i += 3;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

std::vector<std::string_view> words(std::string_view line) {
  std::vector<std::string_view> all;
  while (!line.empty()) {
    const auto end = line.find(' ');
    if (end != 0) all.push_back(line.substr(0, end));
    if (end == std::string_view::npos) break;
    line.remove_prefix(end + 1);
  }
  return all;
}

bool is_below(std::string_view path, std::string_view point) {
  if (point == "/") return path.starts_with('/');
  return path.starts_with(point) && (path.size() == point.size() || path[point.size()] == '/');
}

// "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue"
std::optional<Mount> parse_line(std::string_view line) {
  const auto fields = words(line);
  std::size_t dash = 6;  // behind the optional fields
  while (dash < fields.size() && fields[dash] != "-")
    ++dash;
  if (dash + 2 >= fields.size()) return std::nullopt;
  const auto device = parse_device_number(fields[2]);
  if (!device) return std::nullopt;
  Mount mount{*device, unescape(fields[3]), unescape(fields[4]), unescape(fields[dash + 1]),
              unescape(fields[dash + 2])};
  if (!mount.point.starts_with('/')) return std::nullopt;
  return mount;
}

}  // namespace

std::vector<Mount> parse_mountinfo(std::string_view text) {
  std::vector<Mount> mounts;
  while (!text.empty()) {
    const auto end = text.find('\n');
    if (auto mount = parse_line(text.substr(0, end))) mounts.push_back(std::move(*mount));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return mounts;
}

const Mount* mount_of(const std::vector<Mount>& mounts, std::string_view path) {
  const Mount* best = nullptr;
  for (const auto& mount : mounts)
    if (is_below(path, mount.point) &&
        (best == nullptr || mount.point.size() >= best->point.size()))
      best = &mount;
  return best;
}

std::string path_in_filesystem(const Mount& mount, std::string_view path) {
  std::string_view rest = path;
  if (mount.point != "/") rest.remove_prefix(mount.point.size());
  if (rest == "/") rest = {};
  if (mount.root == "/") return rest.empty() ? "/" : std::string(rest);
  return mount.root + std::string(rest);
}

}  // namespace mkcapture
