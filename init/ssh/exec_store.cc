#include "init/ssh/exec_store.h"

#include <algorithm>
#include <chrono>

#include "init/output/sequential_output.h"
#include "init/ssh/remote_shell.h"

namespace mkcapture::init {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kMaxAnswer = 64 << 10;
constexpr Milliseconds kStep{200};

Milliseconds since(Clock::time_point start) {
  return std::chrono::duration_cast<Milliseconds>(Clock::now() - start);
}

/// Adds what comes to `text`, refuses a flood.
auto gather(std::string& text) {
  return [&text](std::string_view bytes) -> Status {
    if (text.size() + bytes.size() > kMaxAnswer) return fail("the server's answer is too long");
    text += bytes;
    return {};
  };
}

class ExecOutput final : public SequentialOutput {
 public:
  ExecOutput(SshSession session, std::string path, const Deadline& deadline)
      : session_(std::move(session)), path_(std::move(path)), deadline_(deadline) {}

  Status finish(std::uint64_t size) override {
    TRY(pad_to(size));
    session_.channel.close_input();
    TRY(await_confirmation());
    const auto status = session_.process.wait(session_.channel.stall_limit());
    if (!status || *status != 0) return failed(fail("the connection does not end"));
    return {};
  }

 private:
  /// The server's disk may take minutes for what its memory holds: only the deadline ends this
  /// wait.
  Status await_confirmation() {
    for (;;) {
      auto done = await_line(session_, remote::kDone, answer_, kStep);
      if (!done) return failed(std::move(done).error());
      if (*done) return {};
      if (deadline_.passed()) {
        return failed(
            fail(ErrorKind::kTimedOut, "the server does not confirm that all is written"));
      }
      session_.channel.still_at_work();
    }
  }

  Status send(std::span<const std::byte> data) override {
    auto done = session_.channel.send({}, data, gather(answer_));
    if (!done) return failed(std::move(done).error());
    sent(data.size());
    return {};
  }

  Status failed(Error happened) {
    return ssh_failure(session_, std::move(happened)).within("write " + path_);
  }

  SshSession session_;
  std::string path_;
  Deadline deadline_;
  std::string answer_;
};

}  // namespace

Result<bool> await_line(SshSession& session, std::string_view line, std::string& text,
                        Milliseconds limit) {
  const auto start = Clock::now();
  for (;;) {
    if (text.find(line) != std::string::npos) return true;
    const Milliseconds left = limit - since(start);
    if (left.count() <= 0) return false;
    auto got = session.channel.receive(std::min(left, kStep), gather(text));
    if (!got && text.find(line) == std::string::npos) return std::move(got).error();
  }
}

Result<std::string> run_remote(System& system, const SshServer& server, const std::string& command,
                               Milliseconds stall, const Deadline& deadline,
                               const std::function<void()>* at_work) {
  auto session = open_ssh(system, server, SshRequest::kCommand, command, stall, deadline);
  if (!session) return std::move(session).error();
  session->channel.close_input();
  const auto start = Clock::now();
  const Milliseconds limit =
      at_work != nullptr ? deadline.left() : std::min(stall, deadline.left());
  std::string answer;
  Error end;
  for (;;) {
    auto got = session->channel.receive(kStep, gather(answer));
    if (!got) {
      end = std::move(got).error();
      break;
    }
    if (at_work != nullptr) (*at_work)();
    if (since(start) >= limit) {
      end = fail(ErrorKind::kTimedOut, "the server does not answer");
      break;
    }
  }
  if (session->channel.has_ended()) {
    const auto status = session->process.wait(std::min(stall, deadline.left()));
    if (status && *status == 0) return answer;
  }
  return ssh_failure(*session, std::move(end));
}

Result<std::unique_ptr<Output>> exec_output(System& system, const SshServer& server,
                                            const std::string& path, Milliseconds stall,
                                            std::function<void()> progress,
                                            const Deadline& deadline) {
  auto session =
      open_ssh(system, server, SshRequest::kCommand, remote::store(path), stall, deadline);
  if (!session) return std::move(session).error();
  session->channel.on_progress(std::move(progress));
  std::string answer;
  // Not a byte before the remote side is ready: until then dbclient may take it for an answer to a
  // question of its own.
  auto ready = await_line(*session, remote::kReady, answer, std::min(stall, deadline.left()));
  if (!ready || !*ready) {
    Error why =
        ready ? fail(ErrorKind::kTimedOut, "the server does not answer") : std::move(ready).error();
    return ssh_failure(*session, std::move(why)).within("create " + path);
  }
  return std::unique_ptr<Output>(std::make_unique<ExecOutput>(std::move(*session), path, deadline));
}

}  // namespace mkcapture::init
