#include "init/net/dhcp.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>

#include "init/base/unique_fd.h"

namespace mkcapture::init {
namespace {

std::string_view variable(char** envp, std::string_view name) {
  for (; envp != nullptr && *envp != nullptr; ++envp) {
    std::string_view entry(*envp);
    if (entry.starts_with(name) && entry.substr(name.size()).starts_with('=')) {
      return entry.substr(name.size() + 1);
    }
  }
  return {};
}

/// udhcpc's variables that a lease is made of, as lines; a line break in a value ends it.
std::string lease_lines(char** envp) {
  std::string text;
  for (const std::string_view name :
       {"ip", "mask", "subnet", "router", "staticroutes", "dns", "domain", "mtu", "lease"}) {
    const std::string_view value = variable(envp, name);
    if (value.empty()) continue;
    text.append(name).append("=").append(value.substr(0, value.find('\n'))).append("\n");
  }
  return text;
}

/// Whole or not at all: the reader must never see half a lease.
bool replace_file(const std::string& path, std::string_view text) {
  const std::string fresh = path + ".new";
  UniqueFd fd(open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!fd.valid()) return false;
  if (write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) return false;
  return rename(fresh.c_str(), path.c_str()) == 0;
}

}  // namespace

int dhcp_event_main(int argc, char** argv, char** envp) {
  if (argc < 2) return 2;
  const std::string_view event(argv[1]);
  if (event != "bound" && event != "renew") return 0;
  const std::string interface(variable(envp, "interface"));
  if (!valid_interface_name(interface)) return 1;
  auto lease = parse_lease(lease_lines(envp));
  if (!lease) return 1;
  return replace_file(lease_path(interface), format_lease(*lease)) ? 0 : 1;
}

Result<DhcpClient> DhcpClient::start(System& system, const std::string& interface) {
  const std::string path = lease_path(interface);
  if (system.exists(path)) (void)system.remove(path);  // an earlier lease is not the answer
  // A discover at once and then every second, for ever: the caller's deadline ends it. The
  // classless routes and the MTU are not asked for by default.
  auto child = system.spawn({kUdhcpcPath, "-f", "-i", interface, "-s", kDhcpEventPath, "-t", "10",
                             "-T", "1", "-A", "1", "-O", "staticroutes", "-O", "mtu"},
                            {}, Pipes::kNone);
  if (!child) return std::move(child).error().within("DHCP client");
  return DhcpClient(system, interface, child->pid);
}

DhcpClient::DhcpClient(DhcpClient&& other) noexcept
    : system_(other.system_), interface_(std::move(other.interface_)), pid_(other.pid_) {
  other.pid_ = -1;
}

DhcpClient::~DhcpClient() {
  if (pid_ < 0) return;
  system_->kill_child(pid_);
  (void)system_->wait_child(pid_, Milliseconds(1000));
}

Result<std::optional<DhcpLease>> DhcpClient::poll() {
  const std::string path = lease_path(interface_);
  if (system_->exists(path)) {
    auto text = system_->read_file(path, kMaxLeaseBytes);
    if (!text) return std::move(text).error();
    auto lease = parse_lease(*text);
    if (!lease) return std::move(lease).error();
    return std::optional<DhcpLease>(std::move(*lease));
  }
  if (pid_ >= 0) {
    if (const auto status = system_->wait_child(pid_, Milliseconds(0))) {
      pid_ = -1;
      return fail("DHCP client on " + interface_ + " ended with status " + std::to_string(*status));
    }
  }
  return std::optional<DhcpLease>();
}

}  // namespace mkcapture::init
