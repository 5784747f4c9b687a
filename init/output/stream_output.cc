// stream_output(): a pipe or socket as an Output.
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>

#include "init/output/sequential_output.h"

namespace mkcapture {
namespace {

class StreamOutput final : public SequentialOutput {
 public:
  StreamOutput(int fd, int write_timeout_ms) noexcept : fd_(fd), timeout_ms_(write_timeout_ms) {
    // A blocking write of more than the pipe holds would wait for as long as the reader likes.
    if (timeout_ms_ > 0) fcntl(fd_, F_SETFL, fcntl(fd_, F_GETFL) | O_NONBLOCK);
  }
  ~StreamOutput() override { close(fd_); }
  StreamOutput(const StreamOutput&) = delete;
  StreamOutput& operator=(const StreamOutput&) = delete;

  Status finish(std::uint64_t size) override {
    TRY(pad_to(size));
    // Standard output may be a file; a pipe or socket has nothing to sync and says EINVAL.
    if (fsync(fd_) != 0 && errno != EINVAL && errno != EROFS && errno != ENOTSUP) {
      return sys_error("sync", errno);
    }
    return {};
  }

 private:
  Status send(std::span<const std::byte> data) override {
    while (!data.empty()) {
      const ssize_t n = write(fd_, data.data(), data.size());
      if (n >= 0) {
        sent(static_cast<std::size_t>(n));
        data = data.subspan(static_cast<std::size_t>(n));
        continue;
      }
      if (errno == EINTR) continue;
      if (errno != EAGAIN) return sys_error("write", errno);
      TRY(wait_writable());
    }
    return {};
  }

  Status wait_writable() const {
    pollfd p{.fd = fd_, .events = POLLOUT, .revents = 0};
    for (;;) {
      const int n = poll(&p, 1, timeout_ms_ > 0 ? timeout_ms_ : -1);
      if (n > 0) return {};  // an error or hang-up is told by the next write
      if (n == 0) return sys_error("write", ETIMEDOUT);
      if (errno != EINTR) return sys_error("poll", errno);
    }
  }

  int fd_;
  int timeout_ms_;
};

}  // namespace

std::unique_ptr<Output> stream_output(int fd, int write_timeout_ms) {
  return std::make_unique<StreamOutput>(fd, write_timeout_ms);
}

}  // namespace mkcapture
