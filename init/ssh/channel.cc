#include "init/ssh/channel.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace mkcapture::init {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kReadBytes = 16 << 10;
constexpr std::size_t kMaxErrorText = 8 << 10;
constexpr Milliseconds kLastWords{2000};

void make_nonblocking(const UniqueFd& fd) {
  if (fd.valid()) fcntl(fd.get(), F_SETFL, fcntl(fd.get(), F_GETFL) | O_NONBLOCK);
}

int poll_ms(Milliseconds limit) {
  return static_cast<int>(std::clamp<std::int64_t>(limit.count(), 0, 1 << 30));
}

}  // namespace

Channel::Channel(UniqueFd in, UniqueFd out, UniqueFd err)
    : in_(std::move(in)), out_(std::move(out)), err_(std::move(err)) {
  make_nonblocking(in_);
  make_nonblocking(out_);
  make_nonblocking(err_);
}

void Channel::read_errors() {
  std::array<char, 2048> buffer;
  const ssize_t n = read(err_.get(), buffer.data(), buffer.size());
  if (n > 0) {
    error_text_.append(buffer.data(), static_cast<std::size_t>(n));
    if (error_text_.size() > kMaxErrorText) {
      error_text_.erase(0, error_text_.size() - kMaxErrorText);
    }
  } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
    err_.reset();
  }
}

Error Channel::ended() {
  drain_errors(kLastWords);
  Error why = interpreter_.explain != nullptr ? interpreter_.explain(error_text_) : Error();
  return why.message.empty() ? fail("the connection has ended") : why;
}

Result<bool> Channel::step(Want want, Milliseconds limit,
                           const std::function<Status(std::string_view)>& received,
                           bool& read_any) {
  // A negative descriptor is passed over by poll().
  const bool write = want == Want::kReadAndWrite;
  std::array<pollfd, 3> fds{{{.fd = out_.get(), .events = POLLIN, .revents = 0},
                             {.fd = err_.get(), .events = POLLIN, .revents = 0},
                             {.fd = write ? in_.get() : -1, .events = POLLOUT, .revents = 0}}};
  const int ready = poll(fds.data(), fds.size(), poll_ms(limit));
  if (ready < 0 && errno != EINTR) return sys_error("poll", errno);
  if (ready <= 0) return false;
  if (fds[1].revents != 0) {
    read_errors();
    if (is_hopeless()) return interpreter_.explain(error_text_);
  }
  if (fds[0].revents != 0) {
    std::array<char, kReadBytes> buffer;
    const ssize_t n = read(out_.get(), buffer.data(), buffer.size());
    if (n == 0) {
      out_.reset();
      return ended();
    }
    if (n < 0 && errno != EAGAIN && errno != EINTR) return sys_error("read", errno);
    if (n > 0) {
      read_any = true;
      if (progress_) progress_();
      TRY(received({buffer.data(), static_cast<std::size_t>(n)}));
    }
  }
  return fds[2].revents != 0;
}

Status Channel::send(std::string_view head, std::span<const std::byte> body,
                     const std::function<Status(std::string_view)>& received) {
  auto last_move = Clock::now();
  while (!head.empty() || !body.empty()) {
    if (!in_.valid() || !out_.valid()) return ended();
    const auto silent = std::chrono::duration_cast<Milliseconds>(Clock::now() - last_move);
    if (silent >= stall_) return sys_error("send", ETIMEDOUT);
    bool read_any = false;
    auto writable = step(Want::kReadAndWrite, stall_ - silent, received, read_any);
    if (!writable) return std::move(writable).error();
    if (read_any) last_move = Clock::now();
    if (!*writable) continue;
    const std::array<iovec, 2> parts{{{const_cast<char*>(head.data()), head.size()},
                                      {const_cast<std::byte*>(body.data()), body.size()}}};
    const ssize_t n = writev(in_.get(), parts.data(), parts.size());
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (n < 0) return errno == EPIPE ? ended() : sys_error("send", errno);
    const auto sent = static_cast<std::size_t>(n);
    const std::size_t of_head = std::min(sent, head.size());
    head.remove_prefix(of_head);
    body = body.subspan(sent - of_head);
    last_move = Clock::now();
    if (progress_) progress_();
  }
  return {};
}

Result<bool> Channel::receive(Milliseconds limit,
                              const std::function<Status(std::string_view)>& received) {
  const auto until = Clock::now() + limit;
  for (;;) {
    if (!out_.valid()) return ended();
    const auto left = std::chrono::duration_cast<Milliseconds>(until - Clock::now());
    bool read_any = false;
    auto stepped = step(Want::kRead, std::max(left, Milliseconds(0)), received, read_any);
    if (!stepped) return std::move(stepped).error();
    if (read_any) return true;
    if (left.count() <= 0) return false;
  }
}

bool Channel::input_taken() const noexcept {
  int unread = 0;
  return in_.valid() && ioctl(in_.get(), FIONREAD, &unread) == 0 && unread == 0;
}

void Channel::drain_errors(Milliseconds limit) {
  const auto until = Clock::now() + limit;
  while (err_.valid()) {
    const auto left = std::chrono::duration_cast<Milliseconds>(until - Clock::now());
    pollfd p{.fd = err_.get(), .events = POLLIN, .revents = 0};
    if (left.count() <= 0 || poll(&p, 1, poll_ms(left)) <= 0) return;
    read_errors();
  }
}

}  // namespace mkcapture::init
