// Dropbear's dbclient as a child process: the way to an SSH server. Strict host key check, key
// only.
//
// The TCP connection is made here (net/resolve.h) and handed over with -J '&FD', so that its time
// limits and the words for what goes wrong are ours.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "init/base/result.h"
#include "init/base/unique_fd.h"
#include "init/net/ip_address.h"
#include "init/ssh/channel.h"
#include "init/system/system.h"

namespace mkcapture::init {

struct SshServer {
  std::string user;
  std::string host;  // as known_hosts has it
  std::uint16_t port = 22;
  std::vector<IpAddress> addresses;
  std::string program = "/bin/dbclient";
  std::string key = "/etc/ssh/id_dropbear";
  std::string home = "/root";  // of .ssh/known_hosts
};

/// A running dbclient. Killed and reaped on destruction.
class SshProcess {
 public:
  SshProcess(System& system, int pid) : system_(&system), pid_(pid) {}
  SshProcess(SshProcess&& other) noexcept;
  SshProcess& operator=(SshProcess&& other) noexcept;
  ~SshProcess();

  /// The exit status (the remote command's, if it came that far), nothing where it still runs.
  [[nodiscard]] std::optional<int> wait(Milliseconds limit);

 private:
  void end() noexcept;
  System* system_;
  int pid_;
  std::optional<int> status_;
};

struct SshSession {
  SshProcess process;
  Channel channel;
  IpAddress local;  // this machine's address on the connection
};

enum class SshRequest { kSubsystem, kCommand };

/// Connects and starts dbclient for subsystem `what` ("sftp") or the command line `what`. Returns
/// once TCP is connected; the SSH handshake goes on in the child.
[[nodiscard]] Result<SshSession> open_ssh(System& system, const SshServer& server,
                                          SshRequest request, const std::string& what,
                                          Milliseconds stall, const Deadline& deadline);

/// Why a session ended, after `happened` was seen on its channel: what dbclient (or the remote
/// command) wrote to standard error, its exit status, or else `happened` itself.
[[nodiscard]] Error ssh_failure(SshSession& session, Error happened);

/// dbclient's words as an error of ours: "host key mismatch: ..." Pure. The one place where they
/// are read: kRefused for what waiting will not change (keys, algorithms, permissions), kNoSpace,
/// kTimedOut; else kBroken. Without a message where `error_text` says nothing.
[[nodiscard]] Error explain_dbclient(std::string_view error_text);
/// dbclient is about to ask a person whether to trust the server: to be ended at once.
[[nodiscard]] bool asks_for_trust(std::string_view error_text);

}  // namespace mkcapture::init
