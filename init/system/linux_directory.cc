#include "init/system/linux_directory.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "init/base/unique_fd.h"
#include "init/system/errno_words.h"

namespace mkcapture::init {
namespace {

constexpr int kDirectory = O_RDONLY | O_DIRECTORY | O_CLOEXEC;

Error last_error() {
  return {errno, errno_words(errno)};
}
Status status_of(int rc) {
  if (rc != 0) return last_error();
  return {};
}

class LinuxDirectory final : public Directory {
 public:
  explicit LinuxDirectory(UniqueFd fd) : fd_(std::move(fd)) {}

  Result<std::unique_ptr<Directory>> open(const std::string& path, Links links) override {
    open_how how{};
    how.flags = kDirectory | (links == Links::kRefuse ? O_NOFOLLOW : 0);
    how.resolve = RESOLVE_IN_ROOT;
    UniqueFd fd(static_cast<int>(syscall(SYS_openat2, fd_.get(), path.c_str(), &how, sizeof how)));
    if (!fd.valid() && errno == ENOSYS) {  // before 5.6
      fd = UniqueFd(openat(fd_.get(), path.c_str(), static_cast<int>(how.flags)));
    }
    if (!fd.valid()) return last_error();
    return std::unique_ptr<Directory>(std::make_unique<LinuxDirectory>(std::move(fd)));
  }
  Status make(const std::string& name, unsigned mode) override {
    return status_of(mkdirat(fd_.get(), name.c_str(), mode));
  }
  Result<std::unique_ptr<Output>> create(const std::string& name) override {
    // Not for reading: an NFS client that may read does so before it writes a part of a page.
    const int fd = openat(fd_.get(), name.c_str(),
                          O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) return last_error();
    return file_output(fd, true);
  }
  Status rename(const std::string& from, const std::string& to) override {
    return status_of(renameat(fd_.get(), from.c_str(), fd_.get(), to.c_str()));
  }
  Status sync() override {
    // Not every file system can sync a directory (vfat can; some network ones say EINVAL).
    if (fsync(fd_.get()) != 0 && errno != EINVAL) return last_error();
    return {};
  }
  Status sync_filesystem() override { return status_of(syncfs(fd_.get())); }
  Result<std::vector<std::string>> list(std::size_t limit) override {
    UniqueFd own(openat(fd_.get(), ".", kDirectory));
    DIR* dir = own.valid() ? fdopendir(own.get()) : nullptr;
    if (dir == nullptr) return last_error();
    (void)own.release();
    std::vector<std::string> names;
    errno = 0;
    while (const dirent* entry = names.size() < limit ? readdir(dir) : nullptr) {
      const std::string_view name(entry->d_name);
      if (name != "." && name != "..") names.emplace_back(name);
    }
    const int code = errno;
    closedir(dir);
    if (code != 0) return Error{code, errno_words(code)};
    return names;
  }
  Status remove_file(const std::string& name) override {
    return status_of(unlinkat(fd_.get(), name.c_str(), 0));
  }
  Status remove_directory(const std::string& name) override {
    return status_of(unlinkat(fd_.get(), name.c_str(), AT_REMOVEDIR));
  }
  std::optional<Space> space() override {
    struct statvfs s{};
    if (fstatvfs(fd_.get(), &s) != 0 || s.f_blocks == 0) return std::nullopt;
    return Space{std::uint64_t{s.f_bavail} * s.f_frsize, std::uint64_t{s.f_blocks} * s.f_frsize};
  }

 private:
  UniqueFd fd_;
};

}  // namespace

Result<std::unique_ptr<Directory>> open_linux_directory(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), kDirectory));
  if (!fd.valid()) return last_error();
  return std::unique_ptr<Directory>(std::make_unique<LinuxDirectory>(std::move(fd)));
}

}  // namespace mkcapture::init
