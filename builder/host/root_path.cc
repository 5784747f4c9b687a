#include "builder/host/root_path.h"

#include <sys/stat.h>
#include <unistd.h>

#include <climits>
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

Result<std::string> resolve_below(const std::string& root, std::string_view path) {
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
    struct stat st{};
    if (lstat((base + next).c_str(), &st) != 0) return sys_error(base + next, errno);
    if (!S_ISLNK(st.st_mode)) {
      walked = next;
      continue;
    }
    if (++links > kMaxLinks) return sys_error(base + std::string(path), ELOOP);
    std::string target(PATH_MAX, '\0');
    const ssize_t n = readlink((base + next).c_str(), target.data(), target.size());
    if (n < 0) return sys_error(base + next, errno);
    target.resize(static_cast<std::size_t>(n));
    if (target.front() == '/') walked.clear();
    push_parts(target, todo);
  }
  return walked.empty() ? root : base + walked;
}

}  // namespace mkcapture
