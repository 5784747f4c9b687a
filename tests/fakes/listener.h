// A server's port that takes connections and says nothing.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdlib>
#include <string>

#include "init/base/unique_fd.h"

namespace mkcapture::init {

/// A server's port on the loopback, where connections are accepted by the kernel alone.
class Listener {
 public:
  Listener() : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* any = reinterpret_cast<sockaddr*>(&address);
    if (bind(fd_.get(), any, size) != 0 || listen(fd_.get(), 64) != 0 ||
        getsockname(fd_.get(), any, &size) != 0) {
      std::abort();
    }
    port_ = ntohs(address.sin_port);
  }
  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

 private:
  UniqueFd fd_;
  std::uint16_t port_ = 0;
};

}  // namespace mkcapture::init
