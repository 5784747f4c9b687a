// Reaching an SSH server, and finding out what it offers.
#pragma once

#include <memory>
#include <optional>

#include "init/ssh/dbclient.h"
#include "init/ssh/sftp_client.h"

namespace mkcapture::init {

struct SftpSession {
  SshProcess process;
  std::unique_ptr<SftpClient> client;
};

struct SshLogin {
  std::optional<SftpSession> sftp;  // nothing: the server has a shell only
  IpAddress local;
};

/// Logs in for SFTP. dbclient does not tell when a server refuses the subsystem (it asks for no
/// reply), so some seconds after the log-in a second connection asks for a shell; whichever answers
/// is taken. Failures that may pass (a server starting up) are tried again until `deadline`.
[[nodiscard]] Result<SshLogin> log_in(System& system, const SshServer& server, Milliseconds stall,
                                      const Deadline& deadline);

}  // namespace mkcapture::init
