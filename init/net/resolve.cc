#include "init/net/resolve.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace mkcapture::init {
namespace {

constexpr std::size_t kMaxServers = 3;
constexpr Milliseconds kConnectLimit{10000};  // one attempt at one address
constexpr Milliseconds kRetryPause{1000};

IpAddress from_sockaddr(const sockaddr* s) {
  IpAddress a;
  a.v6 = s->sa_family == AF_INET6;
  if (a.v6) {
    std::memcpy(a.bytes.data(), &reinterpret_cast<const sockaddr_in6*>(s)->sin6_addr, 16);
  } else {
    std::memcpy(a.bytes.data(), &reinterpret_cast<const sockaddr_in*>(s)->sin_addr, 4);
  }
  return a;
}

Status finish_connect(int fd, Milliseconds limit) {
  pollfd p{.fd = fd, .events = POLLOUT, .revents = 0};
  int ready;
  do {
    ready = poll(&p, 1, static_cast<int>(limit.count()));
  } while (ready < 0 && errno == EINTR);
  if (ready < 0) return sys_error("poll", errno);
  if (ready == 0) return Error{ETIMEDOUT, std::strerror(ETIMEDOUT)};
  int error = 0;
  socklen_t size = sizeof error;
  if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
  if (error != 0) return Error{error, std::strerror(error)};
  return {};
}

/// A peer that vanished is noticed while data is under way (user timeout) and while nothing is
/// (keepalive probes).
void limit_silence(int fd, Milliseconds silence) {
  const auto set = [fd](int level, int option, int value) {
    (void)setsockopt(fd, level, option, &value, sizeof value);
  };
  const int seconds = std::max(4, static_cast<int>(silence.count() / 1000));
  set(IPPROTO_TCP, TCP_USER_TIMEOUT, seconds * 1000);
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, seconds / 4);
  set(IPPROTO_TCP, TCP_KEEPINTVL, seconds / 4);
  set(IPPROTO_TCP, TCP_KEEPCNT, 3);
  set(IPPROTO_TCP, TCP_NODELAY, 1);
}

Result<Connection> connect_once(const IpAddress& address, std::uint16_t port, Milliseconds silence,
                                Milliseconds limit) {
  UniqueFd fd(socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP));
  if (!fd.valid()) return sys_error("socket", errno);
  limit_silence(fd.get(), silence);
  sockaddr_storage to;
  const unsigned size = to_sockaddr(address, port, 0, to);
  if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&to), size) != 0) {
    if (errno != EINPROGRESS) return Error{errno, std::strerror(errno)};
    TRY(finish_connect(fd.get(), limit));
  }
  fcntl(fd.get(), F_SETFL, fcntl(fd.get(), F_GETFL) & ~O_NONBLOCK);
  sockaddr_storage own{};
  socklen_t own_size = sizeof own;
  Connection c{std::move(fd), address, {}};
  if (getsockname(c.fd.get(), reinterpret_cast<sockaddr*>(&own), &own_size) == 0) {
    c.local = from_sockaddr(reinterpret_cast<const sockaddr*>(&own));
  }
  return c;
}

}  // namespace

Status write_resolv_conf(System& system, const std::vector<IpAddress>& servers,
                         const std::string& domain) {
  if (servers.empty()) return {};
  std::string text;
  for (std::size_t i = 0; i < servers.size() && i < kMaxServers; ++i) {
    text += "nameserver " + to_string(servers[i]) + "\n";
  }
  if (!domain.empty()) text += "search " + domain + "\n";
  text += "options timeout:3 attempts:3\n";
  return system.write_file("/etc/resolv.conf", text);
}

Result<std::vector<IpAddress>> resolve(System& system, const std::string& host,
                                       const Deadline& deadline) {
  if (const auto number = parse_ip_address(host)) return std::vector<IpAddress>{*number};
  for (;;) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_ADDRCONFIG;
    addrinfo* list = nullptr;
    const int error = getaddrinfo(host.c_str(), nullptr, &hints, &list);
    if (error == 0) {
      std::vector<IpAddress> found;
      for (const addrinfo* a = list; a != nullptr; a = a->ai_next) {
        if (a->ai_family != AF_INET && a->ai_family != AF_INET6) continue;
        const IpAddress address = from_sockaddr(a->ai_addr);
        if (std::ranges::find(found, address) == found.end()) found.push_back(address);
      }
      freeaddrinfo(list);
      if (!found.empty()) return found;
    }
    const bool final = error == EAI_NONAME || error == 0;
    if (final || deadline.passed()) {
      return fail("name " + host + ": " + (error == 0 ? "no address" : gai_strerror(error)));
    }
    system.sleep(std::min(kRetryPause, deadline.left()));
  }
}

Result<Connection> connect_tcp(System& system, const std::vector<IpAddress>& addresses,
                               std::uint16_t port, Milliseconds silence, const Deadline& deadline) {
  for (;;) {
    Error last = fail("connect: no address");
    for (const IpAddress& address : addresses) {
      auto made = connect_once(address, port, silence,
                               std::clamp(deadline.left(), Milliseconds(1), kConnectLimit));
      if (made) return made;
      last = std::move(made).error().within("connect to " + to_string(address) + " port " +
                                            std::to_string(port));
    }
    if (deadline.passed()) return last;
    system.sleep(std::min(kRetryPause, deadline.left()));
  }
}

}  // namespace mkcapture::init
