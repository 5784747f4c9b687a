#include "init/targets/nfs.h"

#include <sys/mount.h>

#include <algorithm>
#include <cerrno>

#include "init/contract/nfs_options.h"
#include "init/net/bring_up.h"
#include "init/net/resolve.h"
#include "init/targets/mounted_target.h"
#include "init/targets/nfs_mount.h"
#include "init/targets/nfs_operations.h"

namespace mkcapture::init {
namespace {

constexpr Milliseconds kRetryPause{1000};
constexpr std::size_t kMaxMountstats = 256 << 10;

/// The server answered, and asking again would not change the answer.
bool is_final(int code) {
  return code == EACCES || code == EPERM || code == ENOENT || code == EINVAL || code == ENODEV ||
         code == EPROTONOSUPPORT || code == ENOTDIR || code == ENAMETOOLONG;
}

/// Another version may do better.
bool is_version_error(int code) {
  return code == EPROTONOSUPPORT || code == EINVAL || code == ENOENT || code == EACCES ||
         code == EOPNOTSUPP;
}

class NfsTarget final : public MountedTarget {
 public:
  NfsTarget(const NfsSpec& spec, const TargetContext& context)
      : MountedTarget(context), spec_(spec) {}

  Status open(const Deadline& deadline) override {
    TRY_ASSIGN(options, parse_nfs_options(spec_.options));
    TRY_ASSIGN(control, context_.open_links());
    TRY(bring_up_network(context_, *control, deadline));

    context_.steps.enter(Step::kConnect);
    TRY_ASSIGN(server, reach_server(options, deadline));
    context_.steps.progress();

    context_.steps.enter(Step::kMount);
    set_host_name();
    TRY(context_.system.make_dir(kMountPoint));
    TRY(mount_export(server, options, deadline));
    mounted(below_export_);
    return {};
  }

  Status close(const Deadline& deadline) override {
    if (context_.config.debug) {
      const auto stats = context_.system.read_file("/proc/self/mountstats", kMaxMountstats);
      if (stats) context_.system.log("NFS operations: " + nfs_operations(*stats, kMountPoint));
    }
    return MountedTarget::close(deadline);
  }
  [[nodiscard]] std::string local_address() const override {
    return local_.unspecified() ? std::string() : to_string(local_);
  }

 private:
  /// A plain connection first: it says precisely what is wrong with a server, within our own
  /// limits, where mount(2) would wait and then say "timed out". NFS v3 on a port that only the
  /// server's rpcbind knows is tried on the usual one.
  Result<NfsServer> reach_server(const NfsOptions& options, const Deadline& deadline) {
    TRY_ASSIGN(addresses, resolve(context_.system, spec_.server.host, deadline));
    const std::uint16_t port = spec_.server.port != 0 ? spec_.server.port : kNfsPort;
    TRY_ASSIGN(connection,
               connect_tcp(context_.system, addresses, port, context_.config.stall, deadline));
    local_ = connection.local;
    const bool rpcbind_decides = spec_.server.port == 0 && !options.needs_v4();
    return NfsServer{spec_.server.host, connection.address,
                     rpcbind_decides ? std::uint16_t{0} : port};
  }

  /// NFS v4 servers tell clients apart by their host name: two machines that dump at the same time
  /// as "(none)" would throw away each other's state.
  void set_host_name() {
    (void)context_.system.write_file("/proc/sys/kernel/hostname", "capture-" + to_string(local_));
  }

  Status mount_export(const NfsServer& server, const NfsOptions& options,
                      const Deadline& deadline) {
    for (;;) {
      Status mounted = try_versions(server, options);
      if (mounted || is_final(mounted.error().code) || deadline.passed()) return mounted;
      context_.system.sleep(std::min(kRetryPause, deadline.left()));
    }
  }

  Status try_versions(const NfsServer& server, const NfsOptions& options) {
    Error last;
    for (const NfsVersion version : options.versions) {
      Status mounted = try_exports(server, version, options);
      if (mounted) return {};
      // What a version that both sides speak says is the better reason.
      if (last.message.empty() || last.code == EPROTONOSUPPORT) last = mounted.error();
      if (!is_version_error(mounted.error().code)) return mounted;
    }
    return last;
  }

  Status try_exports(const NfsServer& server, NfsVersion version, const NfsOptions& options) {
    const std::string data = nfs_mount_data(server, version, options, context_.config.stall);
    Error first;
    for (const std::string& path : export_candidates(spec_.path)) {
      const std::string source = nfs_source(server, path);
      Status mounted = context_.system.mount(source, kMountPoint, "nfs",
                                             MS_NOATIME | MS_NOSUID | MS_NODEV, data);
      if (mounted) {
        below_export_ = spec_.path.substr(path == "/" ? 0 : path.size());
        context_.system.log("mounted " + source + " by NFS " + to_string(version));
        return {};
      }
      const int code = mounted.error().code;
      if (context_.config.debug) {
        context_.system.log("mount " + source + " " + data + ": " + mounted.error().message);
      }
      if (first.message.empty()) {
        first = {code, "NFS " + std::string(to_string(version)) + " " + source + ": " +
                           explain_nfs_error(code)};
      }
      if (code != ENOENT && code != EACCES && code != EPERM && code != ENOTDIR) break;
    }
    return first;
  }

  NfsSpec spec_;
  IpAddress local_;
  std::string below_export_;  // the part of PATH behind the export that was mounted
};

}  // namespace

std::unique_ptr<Target> make_target_of(const NfsSpec& spec, const TargetContext& context) {
  return std::make_unique<NfsTarget>(spec, context);
}

}  // namespace mkcapture::init
