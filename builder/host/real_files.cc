#include "builder/host/real_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "init/base/unique_fd.h"

namespace mkcapture {

namespace {

Status write_all(int fd, std::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n > 0)
      bytes.remove_prefix(static_cast<std::size_t>(n));
    else if (n == 0 || errno != EINTR)
      return sys_error(path, n == 0 ? ENOSPC : errno);
  }
  return {};
}

}  // namespace

Result<std::string> read_whole_file(const std::string& path, std::size_t limit) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return sys_error(path, errno);
  std::string all;
  char buffer[16384];
  for (;;) {
    const ssize_t n = ::read(fd.get(), buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return sys_error(path, errno);
    if (n == 0) return all;
    if (all.size() + static_cast<std::size_t>(n) > limit) return sys_error(path, EFBIG);
    all.append(buffer, static_cast<std::size_t>(n));
  }
}

Status make_folders_above(const std::string& path) {
  for (std::size_t slash = path.find('/', 1); slash != std::string::npos;
       slash = path.find('/', slash + 1)) {
    const std::string folder = path.substr(0, slash);
    if (::mkdir(folder.c_str(), 0755) != 0 && errno != EEXIST) return sys_error(folder, errno);
  }
  return {};
}

Status replace_file_at(const std::string& path, std::string_view bytes, std::uint32_t mode) {
  struct stat st;
  if (::lstat(path.c_str(), &st) == 0 && !S_ISREG(st.st_mode) && !S_ISLNK(st.st_mode))
    return fail(path + ": is there and not a file");
  std::string temporary = path + ".XXXXXX";
  UniqueFd fd(::mkostemp(temporary.data(), O_CLOEXEC));
  if (!fd.valid()) return sys_error(path, errno);
  Status status = write_all(fd.get(), bytes, path);
  if (status && ::fchmod(fd.get(), mode) != 0) status = sys_error(path, errno);
  if (status && ::fsync(fd.get()) != 0) status = sys_error(path, errno);
  if (status && ::rename(temporary.c_str(), path.c_str()) != 0) status = sys_error(path, errno);
  if (!status) ::unlink(temporary.c_str());
  return status;
}

std::optional<FileStamp> stamp_of_file(const std::string& path) {
  struct stat st;
  if (::stat(path.c_str(), &st) != 0) return std::nullopt;
  return FileStamp{.bytes = static_cast<std::uint64_t>(st.st_size),
                   .changed = static_cast<std::int64_t>(st.st_mtim.tv_sec),
                   .folder = S_ISDIR(st.st_mode),
                   .regular = S_ISREG(st.st_mode),
                   .mode = static_cast<std::uint32_t>(st.st_mode & 07777)};
}

Result<std::string> read_file_start(const std::string& path, std::size_t bytes) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return sys_error(path, errno);
  std::string start(bytes, '\0');
  std::size_t have = 0;
  while (have < bytes) {
    const ssize_t n = ::read(fd.get(), start.data() + have, bytes - have);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return sys_error(path, errno);
    if (n == 0) break;
    have += static_cast<std::size_t>(n);
  }
  start.resize(have);
  return start;
}

std::optional<std::uint64_t> free_bytes_at(const std::string& path) {
  struct statvfs space;
  if (::statvfs(path.c_str(), &space) != 0) return std::nullopt;
  return std::uint64_t{space.f_bavail} * space.f_frsize;
}

}  // namespace mkcapture
