#include "builder/host/root_path.h"

#include <algorithm>
#include <cerrno>
#include <vector>

namespace mkcapture {

namespace {

/// Puts the parts of `path` in front of what is still to be walked (`todo` is a stack).
void push_parts(std::string_view path, std::vector<std::string>& todo) {
  std::vector<std::string> parts;
  while (!path.empty()) {
    const std::string_view part = path.substr(0, path.find('/'));
    path.remove_prefix(std::min(path.size(), part.size() + 1));
    if (!part.empty() && part != ".") parts.emplace_back(part);
  }
  todo.insert(todo.end(), parts.rbegin(), parts.rend());
}

}  // namespace

Result<std::string> resolve_below(Host& host, const std::string& root, std::string_view path) {
  constexpr int kMaxLinks = 40;  // as the kernel
  const std::string base = root == "/" ? "" : root;
  std::vector<std::string> todo;
  push_parts(path, todo);
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
    const auto target = host.read_link(base + next);
    if (!target) {
      if (!host.exists(base + next)) return sys_error(base + next, target.error().code);
      walked = next;
      continue;
    }
    if (++links > kMaxLinks) return sys_error(base + std::string(path), ELOOP);
    if (target->starts_with('/')) walked.clear();
    push_parts(*target, todo);
  }
  return walked.empty() ? root : base + walked;
}

}  // namespace mkcapture
