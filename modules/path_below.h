// Where a path of another system leads, as if that system's root were /: the walk, over whatever
// reads links.
#pragma once

#include <algorithm>
#include <cerrno>
#include <string>
#include <string_view>
#include <vector>

#include "init/base/result.h"

namespace mkcapture {

/// The path on this machine of the absolute `path` of the system at `root`: symlinks, absolute ones
/// too, are followed inside of `root`. `read_link(path)` gives a Result with where a link points,
/// `exists(path)` whether there is anything that is none. ENOENT where there is nothing, ELOOP
/// after 40 links, as the kernel has it.
template <class ReadLink, class Exists>
[[nodiscard]] Result<std::string> path_below(const std::string& root, std::string_view path,
                                             const ReadLink& read_link, const Exists& exists) {
  constexpr int kMaxLinks = 40;
  const std::string base = root == "/" ? "" : root;
  std::vector<std::string> todo;  // a stack
  const auto push = [&](std::string_view more) {
    std::vector<std::string> parts;
    while (!more.empty()) {
      const std::string_view part = more.substr(0, more.find('/'));
      more.remove_prefix(std::min(more.size(), part.size() + 1));
      if (!part.empty() && part != ".") parts.emplace_back(part);
    }
    todo.insert(todo.end(), parts.rbegin(), parts.rend());
  };
  push(path);
  std::string walked;
  int links = 0;
  while (!todo.empty()) {
    const std::string part = std::move(todo.back());
    todo.pop_back();
    if (part == "..") {
      walked.erase(walked.empty() ? 0 : walked.rfind('/'));
      continue;
    }
    const std::string next = walked + "/" + part;
    const auto target = read_link(base + next);
    if (!target) {
      if (!exists(base + next)) return sys_error(base + next, target.error().code);
      walked = next;
      continue;
    }
    if (++links > kMaxLinks) return sys_error(base + std::string(path), ELOOP);
    if (target->starts_with('/')) walked.clear();
    push(*target);
  }
  return walked.empty() ? root : base + walked;
}

}  // namespace mkcapture
