#include "builder/host/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace mkcapture {

Result<std::string> read_whole_file(const std::string& path, std::size_t limit) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return sys_error(path, errno);
  std::string all;
  char buffer[16384];
  for (;;) {
    const ssize_t n = ::read(fd, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    const int error = n < 0 ? errno : all.size() + static_cast<std::size_t>(n) > limit ? EFBIG : 0;
    if (error != 0 || n == 0) {
      ::close(fd);
      if (error != 0) return sys_error(path, error);
      return all;
    }
    all.append(buffer, static_cast<std::size_t>(n));
  }
}

bool is_directory(const std::string& path) {
  struct stat st;
  return ::stat(path.c_str(), &st) == 0 && S_ISDIR(st.st_mode);
}

bool is_regular_file(const std::string& path) {
  struct stat st;
  return ::stat(path.c_str(), &st) == 0 && S_ISREG(st.st_mode);
}

}  // namespace mkcapture
