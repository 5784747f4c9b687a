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
};

// What dbclient 2022.83 writes (cli-kex.c, cli-session.c, common-kex.c, common-session.c).
constexpr std::array<Phrase, 8> kFinal{{
    {"host key mismatch for", "host key mismatch: the server's key is not the one in known_hosts"},
    {"is not in the trusted hosts file",
     "host key unknown: known_hosts has no such key of the server"},
    {"Didn't validate host key", "host key unknown: known_hosts has no such key of the server"},
    {"Bad hostkey signature", "the server cannot prove its host key"},
    {"No auth methods could be used", "permission denied: the server does not accept the key"},
    {"Failed loading keyfile", "the image has no usable key"},
    {"No matching algo", "no algorithm in common with the server"},
    {"Incompatible remote version", "the server does not speak SSH 2"},
}};

constexpr std::array<Phrase, 4> kPassing{{
    {"Keepalive timeout", "the server has stopped answering"},
    {"Timeout before auth", "the server was too slow to log in"},
    {"Remote closed the connection", "the server has closed the connection"},
    {"Connection timed out", "the connection has timed out"},
}};

template <std::size_t N>
const Phrase* find_phrase(const std::array<Phrase, N>& phrases, std::string_view text) {
  for (const Phrase& p : phrases) {
    if (text.find(p.dbclient) != std::string_view::npos) return &p;
  }
  return nullptr;
}

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
  session.channel.explain_end_with(explain_dbclient);
  return session;
}

std::string explain_dbclient(std::string_view error_text) {
  if (const Phrase* p = find_phrase(kFinal, error_text)) return std::string(p->ours);
  if (const Phrase* p = find_phrase(kPassing, error_text)) return std::string(p->ours);
  return sftp::printable(last_line(error_text));
}

bool is_final_ssh_failure(std::string_view explained) {
  return std::ranges::any_of(kFinal, [explained](const Phrase& p) {
    return explained.find(p.ours) != std::string_view::npos;
  });
}

bool asks_for_trust(std::string_view error_text) {
  return error_text.find("is not in the trusted hosts file") != std::string_view::npos;
}

Error ssh_failure(SshSession& session, Error happened) {
  session.channel.close_input();
  session.channel.drain_errors(kEndLimit);
  const std::string& text = session.channel.error_text();
  if (std::string words = explain_dbclient(text); !words.empty()) {
    const bool full = text.find("No space left on device") != std::string::npos;
    return {full ? ENOSPC : happened.code, std::move(words)};
  }
  if (const auto status = session.process.wait(kEndLimit); status && *status != 0) {
    return {happened.code, "the remote command ended with status " + std::to_string(*status)};
  }
  return happened;
}

}  // namespace mkcapture::init
