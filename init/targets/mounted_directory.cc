#include "init/targets/mounted_directory.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>

namespace mkcapture::init {
namespace {

constexpr int kMaxSuffix = 999;

/// Opens the directory `path` (relative) below `root`; an absolute link in it starts at `root`.
UniqueFd open_below(int root, const std::string& path) {
  open_how how{};
  how.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT;
  const long fd = syscall(SYS_openat2, root, path.c_str(), &how, sizeof how);
  if (fd >= 0 || errno != ENOSYS) return UniqueFd(static_cast<int>(fd));
  return UniqueFd(openat(root, path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));  // before 5.6
}

Result<UniqueFd> make_path(int root, const std::string& path) {
  UniqueFd at = open_below(root, ".");
  if (!at.valid()) return sys_error("mount point", errno);
  std::string done = ".";
  std::string_view rest(path);
  while (!rest.empty()) {
    const std::size_t slash = std::min(rest.find('/'), rest.size());
    const std::string part(rest.substr(0, slash));
    rest.remove_prefix(std::min(slash + 1, rest.size()));
    if (part.empty()) continue;
    done += "/" + part;
    UniqueFd next = open_below(root, done);
    if (!next.valid() && errno == ENOENT) {
      if (mkdirat(at.get(), part.c_str(), 0755) != 0 && errno != EEXIST) {
        return sys_error("create directory " + done.substr(1), errno);
      }
      next = open_below(root, done);
    }
    if (!next.valid()) return sys_error("directory " + done.substr(1), errno);
    at = std::move(next);
  }
  return at;
}

}  // namespace

Result<MountedDirectory> MountedDirectory::make(const std::string& mount_point,
                                                const std::string& path, const std::string& name) {
  UniqueFd root(open(mount_point.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!root.valid()) return sys_error(mount_point, errno);
  auto parent = make_path(root.get(), path);
  if (!parent) return std::move(parent).error();
  for (int suffix = 0; suffix <= kMaxSuffix; ++suffix) {
    std::string unique = suffix == 0 ? name : name + "-" + std::to_string(suffix);
    if (mkdirat(parent->get(), unique.c_str(), 0700) != 0) {
      if (errno == EEXIST) continue;
      return sys_error("create directory " + path + "/" + unique, errno);
    }
    UniqueFd directory(
        openat(parent->get(), unique.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!directory.valid()) return sys_error("directory " + path + "/" + unique, errno);
    return MountedDirectory(std::move(directory), std::move(unique));
  }
  return sys_error("create directory " + path + "/" + name, EEXIST);
}

Result<std::unique_ptr<Output>> MountedDirectory::create(const std::string& file) {
  // Not for reading: an NFS client that may read does so before it writes a part of a page.
  const int fd = openat(directory_.get(), file.c_str(),
                        O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0) return sys_error("create " + name_ + "/" + file, errno);
  return file_output(fd, true);
}

Status MountedDirectory::rename(const std::string& from, const std::string& to) {
  if (renameat(directory_.get(), from.c_str(), directory_.get(), to.c_str()) != 0) {
    return sys_error("rename " + name_ + "/" + from + " to " + to, errno);
  }
  // Not every file system can sync a directory (vfat can; some network ones say EINVAL).
  if (fsync(directory_.get()) != 0 && errno != EINVAL) {
    return sys_error("sync directory " + name_, errno);
  }
  // With it the directories above, which may be new as well.
  if (syncfs(directory_.get()) != 0) return sys_error("sync the file system", errno);
  return {};
}

std::optional<std::uint64_t> free_bytes_below(const std::string& path) {
  struct statvfs s{};
  if (statvfs(path.c_str(), &s) != 0 || s.f_blocks == 0) return std::nullopt;
  return std::uint64_t{s.f_bavail} * s.f_frsize;
}

}  // namespace mkcapture::init
