#include "init/dump/core/core_file.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "init/base/unique_fd.h"

namespace mkcapture::dump {
namespace {

class DescriptorFile : public CoreFile {
 public:
  DescriptorFile(UniqueFd fd, std::uint64_t size, bool mappable)
      : fd_(std::move(fd)),
        size_(size),
        mappable_(mappable),
        host_page_(static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE))) {}

  [[nodiscard]] std::uint64_t size() const noexcept override { return size_; }

  [[nodiscard]] std::size_t read(std::uint64_t offset,
                                 std::span<std::byte> out) const noexcept override {
    std::size_t done = 0;
    while (done < out.size()) {
      const ssize_t n =
          pread(fd_.get(), out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) break;
      done += static_cast<std::size_t>(n);
    }
    return done;
  }

  [[nodiscard]] FileMapping map(std::uint64_t offset, std::size_t size) const noexcept override {
    if (!mappable_ || offset >= size_) return {};
    const auto skip = static_cast<std::size_t>(offset & (host_page_ - 1));
    const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(size, size_ - offset)) + skip;
    void* p = mmap(nullptr, n, PROT_READ, MAP_SHARED, fd_.get(), static_cast<off_t>(offset - skip));
    if (p == MAP_FAILED) return {};
    return {p, n, skip};
  }

 private:
  UniqueFd fd_;
  std::uint64_t size_;
  bool mappable_;
  std::uint64_t host_page_;
};

/// /proc/vmcore maps memory that is there, at once, and reads it slowly, page by page. Every other
/// file is faulted in when it is touched, which costs more than the copy that a read makes, and
/// ends the program with SIGBUS where its disk fails.
bool should_map(int fd) {
  struct statfs fs{};
  return fstatfs(fd, &fs) == 0 && static_cast<unsigned long>(fs.f_type) == PROC_SUPER_MAGIC;
}

}  // namespace

FileMapping::~FileMapping() {
  if (address_ != nullptr) munmap(address_, size_);
}

Result<std::unique_ptr<CoreFile>> open_core_file(const std::string& path) {
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return sys_error(path, errno);
  struct stat st{};
  if (fstat(fd.get(), &st) != 0) return sys_error(path, errno);
  std::uint64_t size = static_cast<std::uint64_t>(st.st_size);
  if (S_ISBLK(st.st_mode)) {
    const off_t end = lseek(fd.get(), 0, SEEK_END);
    if (end < 0) return sys_error(path, errno);
    size = static_cast<std::uint64_t>(end);
  } else if (!S_ISREG(st.st_mode)) {
    return fail(path + ": neither a file nor a block device");
  }
  const bool mappable = should_map(fd.get());
  return std::unique_ptr<CoreFile>(std::make_unique<DescriptorFile>(std::move(fd), size, mappable));
}

}  // namespace mkcapture::dump
