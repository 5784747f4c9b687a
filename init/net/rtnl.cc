// LinkControl over a NETLINK_ROUTE socket.
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <functional>

#include "init/base/unique_fd.h"
#include "init/net/link_control.h"
#include "init/net/rtnl_messages.h"

namespace mkcapture::init {
namespace {

constexpr int kAnswerLimitMs = 5000;
// The kernel fills dump datagrams up to the reader's buffer, at most 32 KB (af_netlink.c).
constexpr std::size_t kDatagramBytes = 32 << 10;
constexpr int kDumpAttempts = 5;

class Rtnetlink final : public LinkControl {
 public:
  explicit Rtnetlink(UniqueFd fd) : fd_(std::move(fd)), buffer_(kDatagramBytes) {}

  Result<std::vector<Link>> links() override {
    return dump<Link>(rtnl::dump_links, rtnl::parse_link, "list of interfaces");
  }
  Result<std::vector<InterfaceAddress>> addresses() override {
    return dump<InterfaceAddress>(rtnl::dump_addresses, rtnl::parse_address, "list of addresses");
  }

  Status set_up(int index, bool up) override { return request(rtnl::set_up(next(), index, up)); }
  Status set_mtu(int index, std::uint32_t mtu) override {
    return request(rtnl::set_mtu(next(), index, mtu));
  }
  Status set_master(int index, int master) override {
    return request(rtnl::set_master(next(), index, master));
  }
  Status remove(int index) override { return request(rtnl::remove(next(), index)); }
  Status add_vlan(const VlanSpec& vlan, int parent) override {
    return request(rtnl::add_vlan(next(), vlan, parent));
  }
  Status add_bond(const BondSpec& bond) override { return request(rtnl::add_bond(next(), bond)); }
  Status set_primary(int bond, int slave) override {
    return request(rtnl::set_primary(next(), bond, slave));
  }
  Status add_address(int index, const IpAddress& address, int prefix) override {
    return unless_exists(request(rtnl::add_address(next(), index, address, prefix)));
  }
  Status add_route(const Route& route) override {
    return unless_exists(request(rtnl::add_route(next(), route)));
  }

 private:
  enum class Walk { kOn, kDone };

  std::uint32_t next() { return ++sequence_; }

  static Status unless_exists(Status s) {
    if (!s && s.error().code == EEXIST) return {};
    return s;
  }

  Status send(std::span<const std::byte> message) {
    sockaddr_nl kernel{};
    kernel.nl_family = AF_NETLINK;
    const auto n = sendto(fd_.get(), message.data(), message.size(), MSG_NOSIGNAL,
                          reinterpret_cast<const sockaddr*>(&kernel), sizeof kernel);
    if (n < 0) return sys_error("netlink send", errno);
    return {};
  }

  /// Hands the answers to the last request to `take` until it is done or fails.
  Status receive(const std::function<Result<Walk>(const NetlinkMessage&)>& take) {
    for (;;) {
      pollfd p{.fd = fd_.get(), .events = POLLIN, .revents = 0};
      const int ready = poll(&p, 1, kAnswerLimitMs);
      if (ready < 0 && errno == EINTR) continue;
      if (ready < 0) return sys_error("netlink poll", errno);
      if (ready == 0) return sys_error("netlink: no answer from the kernel", ETIMEDOUT);
      sockaddr_nl from{};
      socklen_t from_size = sizeof from;
      const auto n = recvfrom(fd_.get(), buffer_.data(), buffer_.size(), MSG_TRUNC | MSG_DONTWAIT,
                              reinterpret_cast<sockaddr*>(&from), &from_size);
      if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
      if (n < 0) return sys_error("netlink receive", errno);
      if (from.nl_pid != 0) continue;  // not from the kernel
      const auto size = static_cast<std::size_t>(n);
      if (size > buffer_.size()) return fail("netlink: an answer is larger than 32 KB");
      NetlinkReader reader(std::span(buffer_).first(size));
      while (auto message = reader.next()) {
        if (message->sequence != sequence_) continue;  // a late answer to an earlier request
        auto walk = take(*message);
        if (!walk) return std::move(walk).error();
        if (*walk == Walk::kDone) return {};
      }
    }
  }

  Status request(std::span<const std::byte> message) {
    TRY(send(message));
    return receive([](const NetlinkMessage& m) -> Result<Walk> {
      const auto error = rtnl::parse_error(m);
      if (!error) return Walk::kOn;
      if (*error != 0) return Error{*error, std::strerror(*error)};
      return Walk::kDone;
    });
  }

  template <class T>
  Result<std::vector<T>> dump(rtnl::Bytes (*ask)(std::uint32_t),
                              std::optional<T> (*parse)(const NetlinkMessage&),
                              std::string_view what) {
    // A list that changed while it was read is marked so, and read again.
    for (int attempt = 0; attempt < kDumpAttempts; ++attempt) {
      std::vector<T> found;
      bool interrupted = false;
      if (auto sent = send(ask(next())); !sent) return std::move(sent).error().within(what);
      auto read = receive([&](const NetlinkMessage& m) -> Result<Walk> {
        interrupted = interrupted || (m.flags & NLM_F_DUMP_INTR) != 0;
        if (m.type == NLMSG_DONE) return Walk::kDone;
        if (auto error = rtnl::parse_error(m)) return Error{*error, std::strerror(*error)};
        if (auto item = parse(m)) found.push_back(std::move(*item));
        return Walk::kOn;
      });
      if (!read) return std::move(read).error().within(what);
      if (!interrupted) return found;
    }
    return fail(std::string(what) + ": it keeps changing");
  }

  UniqueFd fd_;
  std::vector<std::byte> buffer_;
  std::uint32_t sequence_ = 0;
};

}  // namespace

Result<std::unique_ptr<LinkControl>> open_rtnetlink() {
  UniqueFd fd(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  if (!fd.valid()) return sys_error("netlink socket", errno);
  return std::unique_ptr<LinkControl>(std::make_unique<Rtnetlink>(std::move(fd)));
}

}  // namespace mkcapture::init
