#include "init/ssh/dbclient.h"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <utility>

#include "init/base/text.h"
#include "init/net/resolve.h"
#include "init/ssh/sftp_packet.h"

namespace mkcapture::init {
namespace {

constexpr Milliseconds kEndLimit{2000};  // for last words and the exit

struct Phrase {
  std::string_view dbclient;
  std::string_view ours;
  ErrorKind kind;
};

// What dbclient 2022.83 writes (cli-kex.c, cli-session.c, common-kex.c, common-session.c).
constexpr ErrorKind kRefused = ErrorKind::kRefused;
constexpr std::array<Phrase, 12> kPhrases{{
    {"host key mismatch for", "host key mismatch: the server's key is not the one in known_hosts",
     kRefused},
    {"is not in the trusted hosts file",
     "host key unknown: known_hosts has no such key of the server", kRefused},
    {"Didn't validate host key", "host key unknown: known_hosts has no such key of the server",
     kRefused},
    {"Bad hostkey signature", "the server cannot prove its host key", kRefused},
    {"No auth methods could be used", "permission denied: the server does not accept the key",
     kRefused},
    {"Failed loading keyfile", "the image has no usable key", kRefused},
    {"No matching algo", "no algorithm in common with the server", kRefused},
    {"Incompatible remote version", "the server does not speak SSH 2", kRefused},
    {"Keepalive timeout", "the server has stopped answering", ErrorKind::kTimedOut},
    {"Timeout before auth", "the server was too slow to log in", ErrorKind::kTimedOut},
    {"Remote closed the connection", "the server has closed the connection", ErrorKind::kBroken},
    {"Connection timed out", "the connection has timed out", ErrorKind::kTimedOut},
}};

/// The last line that says something: shells and programs say last what stopped them. dbclient's
/// warnings (that the image has no user database) did not stop anything.
std::string_view last_line(std::string_view text) {
  std::string_view last;
  for (const std::string_view line : split(text, '\n')) {
    const std::string_view words = trim(line);
    if (!words.empty() && words.find(": Warning: ") == std::string_view::npos) last = words;
  }
  return last;
}

}  // namespace

SshProcess::SshProcess(SshProcess&& other) noexcept
    : system_(other.system_), pid_(std::exchange(other.pid_, -1)), status_(other.status_) {}

SshProcess& SshProcess::operator=(SshProcess&& other) noexcept {
  if (this != &other) {
    end();
    system_ = other.system_;
    pid_ = std::exchange(other.pid_, -1);
    status_ = other.status_;
  }
  return *this;
}

SshProcess::~SshProcess() {
  end();
}

void SshProcess::end() noexcept {
  if (pid_ < 0) return;
  system_->kill_child(pid_);
  (void)system_->wait_child(std::exchange(pid_, -1), kEndLimit);
}

std::optional<int> SshProcess::wait(Milliseconds limit) {
  if (pid_ < 0) return status_;
  status_ = system_->wait_child(pid_, limit);
  if (status_) pid_ = -1;
  return status_;
}

Result<SshSession> open_ssh(System& system, const SshServer& server, SshRequest request,
                            const std::string& what, Milliseconds stall, const Deadline& deadline) {
  auto connection = connect_tcp(system, server.addresses, server.port, stall, deadline);
  if (!connection) return std::move(connection).error();
  const int socket = connection->fd.get();
  fcntl(socket, F_SETFD, 0);  // this one descriptor goes to the child
  // Three keepalives without an answer end dbclient.
  const auto keepalive = std::clamp<std::int64_t>(stall.count() / 4000, 2, 60);
  std::vector<std::string> argv{server.program, "-q",
                                "-i",           server.key,
                                "-K",           std::to_string(keepalive),
                                "-J",           "&" + std::to_string(socket),
                                "-l",           server.user,
                                "-p",           std::to_string(server.port)};
  if (request == SshRequest::kSubsystem) argv.emplace_back("-s");
  argv.push_back(server.host);
  argv.push_back(what);
  auto child = system.spawn(argv, {"HOME=" + server.home}, Pipes::kInOutErr);
  if (!child) return std::move(child).error();
  SshSession session{SshProcess(system, child->pid),
                     Channel(UniqueFd(child->in), UniqueFd(child->out), UniqueFd(child->err)),
                     connection->local};
  session.channel.set_stall_limit(stall);
  session.channel.interpret_errors_with({explain_dbclient, asks_for_trust});
  return session;
}

Error explain_dbclient(std::string_view error_text) {
  const auto says = [error_text](std::string_view words) {
    return error_text.find(words) != std::string_view::npos;
  };
  for (const Phrase& p : kPhrases) {
    if (says(p.dbclient)) return {p.kind, std::string(p.ours)};
  }
  // Of a program on the server.
  const bool full = says("No space left on device");
  return {full ? ErrorKind::kNoSpace : ErrorKind::kBroken, sftp::printable(last_line(error_text))};
}

bool asks_for_trust(std::string_view error_text) {
  return error_text.find("is not in the trusted hosts file") != std::string_view::npos;
}

Error ssh_failure(SshSession& session, Error happened) {
  session.channel.close_input();
  session.channel.drain_errors(kEndLimit);
  if (Error why = explain_dbclient(session.channel.error_text()); !why.message.empty()) {
    if (why.kind == ErrorKind::kBroken) why.kind = happened.kind;  // the words say no more
    return why;
  }
  if (const auto status = session.process.wait(kEndLimit); status && *status != 0) {
    return {happened.kind, "the remote command ended with status " + std::to_string(*status)};
  }
  return happened;
}

}  // namespace mkcapture::init
