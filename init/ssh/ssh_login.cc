#include "init/ssh/ssh_login.h"

#include <algorithm>

#include "init/ssh/exec_store.h"
#include "init/ssh/remote_shell.h"

namespace mkcapture::init {
namespace {

constexpr Milliseconds kStep{50};
constexpr Milliseconds kLogInPatience{10000};     // then a shell is asked for beside SFTP
constexpr Milliseconds kSubsystemPatience{4000};  // the same, from when the session takes input
constexpr Milliseconds kShellLead{2000};          // the shell answered; SFTP may still come
constexpr Milliseconds kRetryPause{1000};

/// One attempt: SFTP first, a shell beside it when SFTP is silent.
class Attempt {
 public:
  Attempt(System& system, const SshServer& server, Milliseconds stall, const Deadline& deadline)
      : system_(system), server_(server), stall_(stall), deadline_(deadline) {}

  Result<SshLogin> run() {
    auto session = open_ssh(system_, server_, SshRequest::kSubsystem, "sftp", stall_, deadline_);
    if (!session) return std::move(session).error();
    process_.emplace(std::move(session->process));
    client_ = std::make_unique<SftpClient>(std::move(session->channel));
    local_ = session->local;
    // May fail already, where dbclient has ended at once; await_version() will see that too.
    (void)client_->send_init();
    Deadline patience = deadline_.sooner(std::min(kLogInPatience, deadline_.left() / 2));
    bool takes_input = false;
    for (;;) {
      if (client_) {
        auto answered = client_->await_version(kStep);
        if (answered && *answered) {
          return SshLogin{SftpSession{std::move(*process_), std::move(client_)}, local_};
        }
        if (!answered) {
          Error why = sftp_failure(std::move(answered).error());
          if (why.kind == ErrorKind::kRefused) return why;
          sftp_error_ = std::move(why);
        }
      }
      // dbclient reads its input once the server lets the session send: some do so when it is open,
      // OpenSSH when the subsystem has started, so one that refuses it never does. Until then
      // silence may also be a slow log-in.
      if (client_ && !takes_input && client_->channel().input_taken()) {
        takes_input = true;
        patience = patience.sooner(kSubsystemPatience);
      }
      if ((!client_ || patience.passed()) && !shell_) {
        auto shell =
            open_ssh(system_, server_, SshRequest::kCommand, remote::probe(), stall_, deadline_);
        if (!shell) return std::move(shell).error();
        shell_.emplace(std::move(*shell));
      }
      if (shell_) {
        auto ready = await_line(*shell_, remote::kReady, shell_answer_, kStep);
        if (!ready) {
          Error why = ssh_failure(*shell_, std::move(ready).error());
          return sftp_error_ ? std::move(*sftp_error_) : why;
        }
        if (*ready) {
          if (!lead_) lead_ = deadline_.sooner(kShellLead);
          if (!client_ || lead_->passed()) return SshLogin{std::nullopt, local_};
        }
      }
      if (deadline_.passed()) {
        return fail(ErrorKind::kTimedOut, "the server does not let us in in time");
      }
    }
  }

 private:
  /// The subsystem's session has ended: why.
  Error sftp_failure(Error happened) {
    if (!process_ || !client_) return happened;
    SshSession session{std::move(*process_), std::move(client_->channel()), {}};
    client_.reset();
    process_.reset();
    return ssh_failure(session, std::move(happened));
  }

  System& system_;
  const SshServer& server_;
  Milliseconds stall_;
  const Deadline& deadline_;
  IpAddress local_;
  std::optional<SshProcess> process_;
  std::unique_ptr<SftpClient> client_;
  std::optional<Error> sftp_error_;
  std::optional<SshSession> shell_;
  std::string shell_answer_;
  std::optional<Deadline> lead_;
};

}  // namespace

Result<SshLogin> log_in(System& system, const SshServer& server, Milliseconds stall,
                        const Deadline& deadline) {
  for (;;) {
    auto login = Attempt(system, server, stall, deadline).run();
    if (login || login.error().kind == ErrorKind::kRefused || deadline.passed()) return login;
    system.log("ssh " + server.host + ": " + login.error().message + "; trying again");
    system.sleep(std::min(kRetryPause, deadline.left()));
  }
}

}  // namespace mkcapture::init
