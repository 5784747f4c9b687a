// IPv4 addresses by DHCP, through BusyBox's udhcpc.
//
// udhcpc hands a lease to a program by its environment; here that is /bin/dhcp-event, a link to
// /init, which checks every value (they come from whoever answers on the network) and leaves them
// in /run/dhcp.INTERFACE. The side that started udhcpc reads that file. No shell is involved.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "init/base/result.h"
#include "init/net/ip_address.h"
#include "init/system/system.h"

namespace mkcapture::init {

inline constexpr const char* kUdhcpcPath = "/bin/udhcpc";
inline constexpr const char* kDhcpEventPath = "/bin/dhcp-event";
inline constexpr std::size_t kMaxLeaseBytes = 4096;

struct StaticRoute {  // option 121, RFC 3442
  IpAddress destination;
  int prefix = 0;
  IpAddress router;  // unspecified: on the link
  bool operator==(const StaticRoute&) const = default;
};

struct DhcpLease {
  IpAddress address;
  int prefix = 24;
  std::vector<IpAddress> routers;
  std::vector<StaticRoute> static_routes;  // where there are any, the routers do not count
  std::vector<IpAddress> dns;              // at most three
  std::string domain;                      // letters, digits, '-', '.'; may be empty
  std::uint32_t mtu = 0;                   // 0, or 576..65535
  std::uint32_t seconds = 0;               // how long it lasts; 0 unknown
  bool operator==(const DhcpLease&) const = default;
};

/// Reads "key=value" lines with udhcpc's names (ip, mask or subnet, router, staticroutes, dns,
/// domain, mtu, lease). Without a usable address it is an error; any other value that cannot be
/// right is left out, since a lease with a bad domain still carries a dump. Unknown keys are
/// ignored.
[[nodiscard]] Result<DhcpLease> parse_lease(std::string_view text);
/// parse_lease(format_lease(l)) gives l again.
[[nodiscard]] std::string format_lease(const DhcpLease& lease);

/// A name that the kernel accepts for an interface, and that is safe as part of a path.
[[nodiscard]] bool valid_interface_name(std::string_view name);
[[nodiscard]] std::string lease_path(const std::string& interface);

/// main() of /bin/dhcp-event EVENT: writes the lease on "bound" and "renew", ignores the rest.
/// Returns the exit status.
int dhcp_event_main(int argc, char** argv, char** envp);

/// A running udhcpc on one interface. Ends it on destruction, unless told to leave it.
class DhcpClient {
 public:
  [[nodiscard]] static Result<DhcpClient> start(System& system, const std::string& interface);
  DhcpClient(DhcpClient&& other) noexcept;
  DhcpClient& operator=(DhcpClient&&) = delete;
  ~DhcpClient();

  /// The lease once there is one; nothing while it is being asked for. An error where udhcpc ended
  /// or left a lease that cannot be used.
  [[nodiscard]] Result<std::optional<DhcpLease>> poll();
  /// Lets udhcpc run on and renew the lease, after this process has ended too.
  void leave_running() noexcept { pid_ = -1; }

 private:
  DhcpClient(System& system, std::string interface, int pid)
      : system_(&system), interface_(std::move(interface)), pid_(pid) {}
  System* system_;
  std::string interface_;
  int pid_;
};

}  // namespace mkcapture::init
