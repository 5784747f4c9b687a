#include "init/targets/nfs.h"

#include <sys/mount.h>

#include <algorithm>
#include <cerrno>

#include "init/contract/nfs_options.h"
#include "init/net/find_server.h"
#include "init/net/resolve.h"
#include "init/targets/mounted_target.h"
#include "init/targets/nfs_mount.h"
#include "init/targets/nfs_operations.h"
#include "init/targets/nfs_store.h"

namespace mkcapture::init {
namespace {

constexpr Milliseconds kRetryPause{1000};
constexpr Milliseconds kRpcbindLimit{3000};
constexpr std::uint16_t kRpcbindPort = 111;
constexpr std::size_t kMaxMountstats = 256 << 10;

/// The server answered, and asking again would not change the answer.
bool is_final(int code) {
  return code == EACCES || code == EPERM || code == ENOENT || code == EINVAL || code == ENODEV ||
         code == EPROTONOSUPPORT || code == ENOTDIR || code == ENAMETOOLONG;
}

/// The server speaks the version, and has nothing there, or nothing for us.
bool is_not_there(int code) {
  return code == ENOENT || code == EACCES || code == EPERM || code == ENOTDIR;
}

/// Another version may do better.
bool is_version_error(int code) {
  return code == EPROTONOSUPPORT || code == EINVAL || code == EOPNOTSUPP || code == ENODEV;
}

class NfsTarget final : public MountedTarget {
 public:
  NfsTarget(const NfsSpec& spec, const TargetContext& context)
      : MountedTarget(context), spec_(spec) {}

  Status open(const Deadline& deadline) override {
    TRY_ASSIGN(options, parse_nfs_options(spec_.options));
    TRY_ASSIGN(control, context_.open_links());
    TRY_ASSIGN(server, reach_server(*control, options, deadline));
    context_.steps.progress();

    context_.steps.enter(Step::kMount);
    set_host_name();
    TRY(context_.system.make_dir(kMountPoint));
    TRY(mount_export(server, options, deadline));
    store_.emplace(context_.system, context_.steps, kMountPoint, below_export_);
    return {};
  }

  DumpStore& store() override { return *store_; }

  Status close(const Deadline& deadline) override {
    if (context_.config.debug) {
      const auto stats = context_.system.read_file("/proc/self/mountstats", kMaxMountstats);
      if (stats) context_.system.log("NFS operations: " + nfs_operations(*stats, kMountPoint));
    }
    store_.reset();
    return MountedTarget::close(deadline);
  }
  [[nodiscard]] std::string local_address() const override {
    return local_.unspecified() ? std::string() : to_string(local_);
  }

 private:
  /// A plain connection first: it says precisely what is wrong with a server, within our own
  /// limits, where mount(2) would wait and then say "timed out". NFS v3 on a port that only the
  /// server's rpcbind knows is tried on the usual one.
  Result<NfsServer> reach_server(LinkControl& control, const NfsOptions& options,
                                 const Deadline& deadline) {
    const std::uint16_t port = spec_.server.port != 0 ? spec_.server.port : kNfsPort;
    TRY_ASSIGN(addresses, find_server(context_, control, spec_.server.host, port, deadline));
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
      Status mounted = try_exports(server, options, deadline);
      if (mounted || is_final(mounted.error().code) || deadline.passed()) return mounted;
      context_.system.sleep(std::min(kRetryPause, deadline.left()));
    }
  }

  /// PATH itself with each version first, then its parents: only the server knows where an export
  /// begins, and what an upper folder shows by one version need not be what the path means by
  /// another.
  Status try_exports(const NfsServer& server, const NfsOptions& options, const Deadline& deadline) {
    std::vector<NfsVersion> versions = options.versions;
    Error best;  // what a version that both sides speak says of PATH
    bool answered = false;
    for (const std::string& path : export_candidates(spec_.path)) {
      for (auto version = versions.begin(); version != versions.end();) {
        Status mounted = try_mount(server, path, *version, options, deadline);
        if (mounted) return {};
        Error error = std::move(mounted).error();
        const bool spoken = is_not_there(error.code);
        if (best.message.empty() || (spoken && !answered)) best = error;
        answered = answered || spoken;
        if (spoken) {
          ++version;
        } else if (answered || is_version_error(error.code)) {
          version = versions.erase(version);
        } else {
          return error;
        }
      }
    }
    return best;
  }

  Status try_mount(const NfsServer& server, const std::string& path, NfsVersion version,
                   const NfsOptions& options, const Deadline& deadline) {
    if (version == NfsVersion::k3) TRY(find_mount_service(server, options, deadline));
    const std::string data = nfs_mount_data(server, version, options, context_.config.stall);
    const std::string source = nfs_source(server, path);
    Status mounted =
        context_.system.mount(source, kMountPoint, "nfs", MS_NOATIME | MS_NOSUID | MS_NODEV, data);
    // The root of version 4 is there on every server, and mostly no export.
    if (mounted && path == "/" && spec_.path != "/" && version != NfsVersion::k3 &&
        !context_.system.exists(kMountPoint + spec_.path)) {
      (void)context_.system.unmount(kMountPoint);
      mounted = Error(ENOENT, "PATH is not there");
    }
    if (mounted) {
      below_export_ = spec_.path.substr(path == "/" ? 0 : path.size());
      context_.system.log("mounted " + source + " by NFS " + to_string(version));
      return {};
    }
    const int code = mounted.error().code;
    if (context_.config.debug) {
      context_.system.log("mount " + source + " " + data + ": " + mounted.error().message);
    }
    return Error(code, "NFS " + std::string(to_string(version)) + " " + source + ": " +
                           explain_nfs_error(code));
  }

  /// Behind a firewall the kernel would wait a minute for a port mapper that version 4 needs not.
  Status find_mount_service(const NfsServer& server, const NfsOptions& options,
                            const Deadline& deadline) {
    if (options.has("mountport") || !options.needs_v4()) return {};
    if (!has_rpcbind_) {
      const auto limit = deadline.sooner(kRpcbindLimit);
      has_rpcbind_ =
          connect_tcp(context_.system, {server.address}, kRpcbindPort, context_.config.stall, limit)
              .ok();
    }
    if (*has_rpcbind_) return {};
    return Error(EPROTONOSUPPORT,
                 "NFS 3 " + server.host + ": no answer from its port mapper (111)");
  }

  NfsSpec spec_;
  std::optional<NfsStore> store_;
  IpAddress local_;
  std::optional<bool> has_rpcbind_;
  std::string below_export_;  // the part of PATH behind the export that was mounted
};

}  // namespace

std::unique_ptr<Target> make_target_of(const NfsSpec& spec, const TargetContext& context) {
  return std::make_unique<NfsTarget>(spec, context);
}

}  // namespace mkcapture::init
