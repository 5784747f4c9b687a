#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "init/ssh/sftp_client.h"

using namespace mkcapture;
using namespace mkcapture::init;
using sftp::PacketReader;
using sftp::PacketWriter;
using sftp::Type;

namespace {

constexpr Milliseconds kPatience{20000};
const auto kForEver = [] { return true; };

Channel ccw_device_over(int fd) {
  return Channel(UniqueFd(fd), UniqueFd(dup(fd)), UniqueFd());
}

/// A server in a thread that answers as the test says. Its answer to INIT is written first.
class ScriptedServer {
 public:
  using Answer = std::function<std::string(const sftp::Packet&)>;
  ScriptedServer(std::string greeting, Answer answer) {
    int fds[2];
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0);
    client_fd = fds[0];
    thread_ =
        std::thread([fd = fds[1], greeting = std::move(greeting), answer = std::move(answer)] {
          sftp::PacketStream stream;
          char buffer[65536];
          ssize_t n;
          while ((n = read(fd, buffer, sizeof buffer)) > 0) {
            stream.append({buffer, static_cast<std::size_t>(n)});
            for (;;) {
              auto packet = stream.next();
              if (!packet || !*packet) break;
              const std::string reply =
                  (*packet)->type == Type::kInit ? greeting : answer(**packet);
              if (reply == "hang up") {
                close(fd);
                return;
              }
              if (write(fd, reply.data(), reply.size()) != static_cast<ssize_t>(reply.size()))
                break;
            }
          }
          close(fd);
        });
  }
  ~ScriptedServer() { thread_.join(); }
  int client_fd = -1;

 private:
  std::thread thread_;
};

std::string greeting(const std::vector<std::pair<std::string, std::string>>& extensions = {}) {
  PacketWriter w(Type::kVersion);
  w.u32(3);
  for (const auto& [name, data] : extensions)
    w.text(name).text(data);
  return w.finish();
}
std::string status(std::uint32_t id, std::uint32_t code, std::string_view text = "") {
  return PacketWriter(Type::kStatus, id).u32(code).text(text).text("").finish();
}

/// A client that has shaken hands over `fd`.
std::unique_ptr<SftpClient> connected(int fd, Milliseconds stall = kPatience) {
  signal(SIGPIPE, SIG_IGN);  // as /init does
  auto client = std::make_unique<SftpClient>(ccw_device_over(fd));
  client->channel().set_stall_limit(stall);
  REQUIRE(client->send_init());
  auto answered = client->await_version(kPatience);
  REQUIRE(answered);
  REQUIRE(*answered);
  return client;
}

std::vector<std::byte> pattern(std::size_t size) {
  std::vector<std::byte> data(size);
  for (std::size_t i = 0; i < size; ++i)
    data[i] = static_cast<std::byte>(i * 7 + i / 4096);
  return data;
}

std::string contents(const std::string& path) {
  std::string text;
  if (FILE* f = fopen(path.c_str(), "r")) {
    char buffer[65536];
    while (const std::size_t n = fread(buffer, 1, sizeof buffer, f))
      text.append(buffer, n);
    fclose(f);
  }
  return text;
}

/// OpenSSH's own server over a socket pair.
struct RealServer {
  int client_fd = -1;
  pid_t pid = -1;
  std::string dir;
  RealServer() {
    char name[] = "/tmp/sftp-test-XXXXXX";
    dir = mkdtemp(name);
    int fds[2];
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
    pid = fork();
    if (pid == 0) {
      dup2(fds[1], 0);
      dup2(fds[1], 1);
      execl("/usr/lib/openssh/sftp-server", "sftp-server", nullptr);
      _exit(127);
    }
    close(fds[1]);
    client_fd = fds[0];
  }
  ~RealServer() {
    kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
    (void)!system(("rm -rf " + dir).c_str());
  }
};

bool have_real_server() {
  return access("/usr/lib/openssh/sftp-server", X_OK) == 0;
}

}  // namespace

TEST_CASE("sftp packets: fields and lengths") {
  const std::string bytes = PacketWriter(Type::kOpen, 0x01020304).text("ab").u64(5).finish(3);
  CHECK(bytes == std::string("\0\0\0\x16\3\1\2\3\4\0\0\0\2ab\0\0\0\0\0\0\0\5", 23));
  PacketReader reader("\0\0\0\2ab\0\0");
  CHECK(PacketReader(std::string_view("\0\0\0\2ab", 6)).text() == "ab");
  PacketReader cut(
      std::string_view("\0\0\0\x09"
                       "ab",
                       6));
  CHECK(cut.text().empty());
  CHECK_FALSE(cut.ok());
  CHECK(cut.u32() == 0);
}

TEST_CASE("sftp packets: a stream in any pieces, and lengths that cannot be") {
  const std::string two = status(1, 0, "x") + status(2, 4, "y");
  for (std::size_t cut = 1; cut < two.size(); ++cut) {
    sftp::PacketStream stream;
    std::vector<std::uint32_t> ids;
    for (const std::string_view part :
         {std::string_view(two).substr(0, cut), std::string_view(two).substr(cut)}) {
      stream.append(part);
      for (;;) {
        auto packet = stream.next();
        REQUIRE(packet);
        if (!*packet) break;
        ids.push_back((*packet)->id);
      }
    }
    CHECK(ids == std::vector<std::uint32_t>{1, 2});
  }
  sftp::PacketStream shell_greeting;  // a login script that prints something
  shell_greeting.append("Welcome to this server\n");
  const auto refused = shell_greeting.next();
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message.find("Welcome") != std::string::npos);
  sftp::PacketStream empty;
  empty.append(std::string_view("\0\0\0\0", 4));
  CHECK_FALSE(empty.next());
}

TEST_CASE("sftp: a window of writes, and the first failure is reported") {
  int writes = 0;
  ScriptedServer server(greeting(), [&writes](const sftp::Packet& p) {
    if (p.type == Type::kOpen) return PacketWriter(Type::kHandle, p.id).text("h").finish();
    if (p.type == Type::kWrite) return status(p.id, ++writes == 3 ? 4 : 0, "no more");
    return status(p.id, 0);
  });
  {
    auto client = connected(server.client_fd);
    auto output = sftp_output(*client, "/x", "/", kForEver);
    REQUIRE(output);
    const auto data = pattern(1 << 20);
    Status s;
    for (int i = 0; i < 8 && s; ++i)
      s = (*output)->write_at(static_cast<std::uint64_t>(i) << 20, data);
    if (s) s = (*output)->finish(8 << 20);
    REQUIRE_FALSE(s);
    CHECK(s.error().kind == ErrorKind::kBroken);
    CHECK(s.error().message == "write /x: no more");
    // The next file starts afresh.
    output->reset();
    auto next = sftp_output(*client, "/y", "/", kForEver);
    REQUIRE(next);
    CHECK((*next)->write_at(0, data));
    CHECK((*next)->finish(data.size()));
  }
}

TEST_CASE("sftp: a full disk is told from other failures by its free space") {
  ScriptedServer server(greeting({{"statvfs@openssh.com", "2"}}), [](const sftp::Packet& p) {
    if (p.type == Type::kOpen) return PacketWriter(Type::kHandle, p.id).text("h").finish();
    if (p.type == Type::kWrite) return status(p.id, 4, "Failure");
    if (p.type == Type::kExtended) {
      PacketWriter w(Type::kExtendedReply, p.id);
      for (const std::uint64_t v : {4096, 4096, 1000, 50, 10, 0, 0, 0, 0, 0, 255})
        w.u64(v);
      return w.finish();
    }
    return status(p.id, 0);
  });
  auto client = connected(server.client_fd);
  auto output = sftp_output(*client, "/x", "/", kForEver);
  REQUIRE(output);
  REQUIRE((*output)->write_at(0, pattern(100)));
  const auto finished = (*output)->finish(100);
  REQUIRE_FALSE(finished);
  CHECK(finished.error().kind == ErrorKind::kNoSpace);
  output->reset();
  client.reset();
}

TEST_CASE("sftp: what is in the server's memory is bounded, and a slow sync is borne") {
  int syncs = 0;
  std::uint64_t since_sync = 0;
  std::uint64_t most = 0;
  ScriptedServer server(greeting({{"fsync@openssh.com", "1"}}), [&](const sftp::Packet& p) {
    if (p.type == Type::kOpen) return PacketWriter(Type::kHandle, p.id).text("h").finish();
    if (p.type == Type::kWrite) {
      since_sync += SftpClient::kWriteBytes;
      most = std::max(most, since_sync);
    }
    if (p.type == Type::kExtended) {
      since_sync = 0;
      if (++syncs == 2) std::this_thread::sleep_for(Milliseconds(2500));
    }
    return status(p.id, 0);
  });
  int progress = 0;
  {
    auto client = connected(server.client_fd, Milliseconds(1000));  // the stall limit
    client->channel().on_progress([&progress] { ++progress; });
    auto output = sftp_output(*client, "/x", "/", kForEver);
    REQUIRE(output);
    const auto data = pattern(8 << 20);
    for (std::uint64_t at = 0; at < std::uint64_t{300} << 20; at += data.size())
      REQUIRE((*output)->write_at(at, data));
    CHECK(syncs == 1);
    progress = 0;
    REQUIRE((*output)->finish(std::uint64_t{300} << 20));
    CHECK(progress >= 2);  // the supervisor hears of it
    CHECK((*output)->note().empty());
  }
  CHECK(syncs == 2);
  CHECK(most <= std::uint64_t{272} << 20);
}

TEST_CASE("sftp: a sync that fails, or does not end in time, fails the file") {
  bool silent = false;
  ScriptedServer server(greeting({{"fsync@openssh.com", "1"}}), [&](const sftp::Packet& p) {
    if (p.type == Type::kOpen) return PacketWriter(Type::kHandle, p.id).text("h").finish();
    if (p.type == Type::kExtended) return silent ? std::string() : status(p.id, 4, "I/O error");
    return status(p.id, 0);
  });
  {
    auto client = connected(server.client_fd, Milliseconds(1000));
    auto output = sftp_output(*client, "/x", "/", kForEver);
    REQUIRE(output);
    const auto failed = (*output)->finish(0);
    REQUIRE_FALSE(failed);
    CHECK(failed.error().message == "write /x: I/O error");
    silent = true;
    int asked = 0;
    output = sftp_output(*client, "/y", "/", [&asked] { return ++asked < 2; });
    REQUIRE(output);
    const auto late = (*output)->finish(0);
    REQUIRE_FALSE(late);
    CHECK(late.error().kind == ErrorKind::kTimedOut);
  }
}

TEST_CASE("sftp: a server without fsync is told of") {
  ScriptedServer server(greeting(), [](const sftp::Packet& p) {
    if (p.type == Type::kOpen) return PacketWriter(Type::kHandle, p.id).text("h").finish();
    return status(p.id, 0);
  });
  auto client = connected(server.client_fd);
  auto output = sftp_output(*client, "/x", "/", kForEver);
  REQUIRE(output);
  REQUIRE((*output)->finish(0));
  CHECK((*output)->note().find("cannot sync") != std::string::npos);
  output->reset();
  client.reset();
}

TEST_CASE("sftp: servers that misbehave end in an error, never in a wait") {
  SUBCASE("hangs up in the middle") {
    ScriptedServer server(greeting(), [](const sftp::Packet&) { return std::string("hang up"); });
    auto client = connected(server.client_fd);
    const auto made = client->make_dir("/x", 0700);
    REQUIRE_FALSE(made);
    CHECK(made.error().message == "the connection has ended");
  }
  SUBCASE("answers another request") {
    ScriptedServer server(greeting(), [](const sftp::Packet& p) { return status(p.id + 5, 0); });
    auto client = connected(server.client_fd);
    CHECK_FALSE(client->make_dir("/x", 0700));
  }
  SUBCASE("answers with the wrong type") {
    ScriptedServer server(greeting(), [](const sftp::Packet& p) {
      return PacketWriter(Type::kHandle, p.id).text("h").finish();
    });
    auto client = connected(server.client_fd);
    CHECK_FALSE(client->make_dir("/x", 0700));
  }
  SUBCASE("an answer that is cut short") {
    ScriptedServer server(greeting(), [](const sftp::Packet& p) {
      return PacketWriter(Type::kStatus, p.id).finish();
    });
    auto client = connected(server.client_fd);
    CHECK_FALSE(client->make_dir("/x", 0700));
  }
  SUBCASE("is silent") {
    ScriptedServer server(greeting(), [](const sftp::Packet&) { return std::string(); });
    auto client = connected(server.client_fd, Milliseconds(1000));
    const auto made = client->make_dir("/x", 0700);
    REQUIRE_FALSE(made);
    CHECK(made.error().kind == ErrorKind::kTimedOut);
  }
  SUBCASE("speaks version 2") {
    ScriptedServer server(PacketWriter(Type::kVersion).u32(2).finish(),
                          [](const sftp::Packet&) { return std::string(); });
    SftpClient client(ccw_device_over(server.client_fd));
    REQUIRE(client.send_init());
    CHECK_FALSE(client.await_version(kPatience));
  }
}

TEST_CASE("sftp: a folder that exists") {
  ScriptedServer server(greeting(), [](const sftp::Packet& p) {
    if (p.type == Type::kMkdir) return status(p.id, 4, "Failure");
    return PacketWriter(Type::kAttrs, p.id).attributes_mode(0040755).finish();
  });
  auto client = connected(server.client_fd);
  const auto made = client->make_dir("/x", 0700);
  REQUIRE(made);
  CHECK_FALSE(*made);
  client.reset();
}

TEST_CASE("sftp: against OpenSSH's server" * doctest::skip(!have_real_server())) {
  RealServer server;
  auto client = connected(server.client_fd);
  const std::string dir = server.dir + "/dump";
  REQUIRE(*client->make_dir(dir, 0700));
  CHECK_FALSE(*client->make_dir(dir, 0700));
  CHECK(client->stat(dir)->is_directory());
  CHECK(client->stat(server.dir + "/none").error().kind == ErrorKind::kUnavailable);
  CHECK(client->make_dir(server.dir + "/none/x", 0700).error().kind == ErrorKind::kUnavailable);
  REQUIRE(client->space(dir));
  CHECK(client->space(dir)->total > client->space(dir)->free);

  SUBCASE("random access, holes, a hole at the end, and the name afterwards") {
    auto output = sftp_output(*client, dir + "/vmcore.incomplete", dir, kForEver);
    REQUIRE(output);
    CHECK((*output)->seekable());
    const auto data = pattern(3 << 20);
    REQUIRE((*output)->write_at(10 << 20, data));                 // whole WRITEs
    REQUIRE((*output)->write_at(0, std::span(data).first(100)));  // small, contiguous
    REQUIRE((*output)->write_at(100, std::span(data).subspan(100, 70000)));
    REQUIRE((*output)->write_at(5 << 20, std::span(data).first(1)));
    REQUIRE((*output)->finish(16 << 20));
    REQUIRE(client->rename(dir + "/vmcore.incomplete", dir + "/vmcore"));
    const std::string text = contents(dir + "/vmcore");
    REQUIRE(text.size() == 16 << 20);
    CHECK(memcmp(text.data(), data.data(), 70100) == 0);
    CHECK(text[70100] == 0);
    CHECK(memcmp(text.data() + (10 << 20), data.data(), data.size()) == 0);
    CHECK(text[(16 << 20) - 1] == 0);
    struct stat s{};
    REQUIRE(stat((dir + "/vmcore").c_str(), &s) == 0);
    CHECK((s.st_mode & 0777) == 0600);
    CHECK(s.st_blocks * 512 < 8 << 20);  // the holes are holes
    // Renaming over a file that is there replaces it.
    auto second = sftp_output(*client, dir + "/new", dir, kForEver);
    REQUIRE((*second)->write_at(0, std::span(data).first(3)));
    REQUIRE((*second)->finish(3));
    CHECK(client->rename(dir + "/new", dir + "/vmcore"));
    CHECK(contents(dir + "/vmcore").size() == 3);
  }
  SUBCASE("what is in a folder, and removing it") {
    for (int i = 0; i < 300; ++i)
      REQUIRE(client->make_dir(dir + "/entry-" + std::to_string(i), 0700));
    REQUIRE(symlink("/tmp", (dir + "/link").c_str()) == 0);
    const auto all = client->list(dir, 1000);
    REQUIRE(all);
    CHECK(all->size() == 301);
    for (const auto& entry : *all)
      CHECK(entry.attributes.is_directory() == (entry.name != "link"));
    CHECK(client->list(dir, 10)->size() == 10);
    CHECK_FALSE(client->remove_dir(dir));  // not empty
    CHECK(client->remove_dir(dir + "/entry-0"));
    CHECK(client->remove_file(dir + "/link"));
    CHECK(client->list(dir, 1000)->size() == 299);
    CHECK(client->list(server.dir + "/none", 10).error().kind == ErrorKind::kUnavailable);
  }
  SUBCASE("errors carry the server's words and the path") {
    const auto none = sftp_output(*client, server.dir + "/none/x", dir, kForEver);
    REQUIRE_FALSE(none);
    CHECK(none.error().kind == ErrorKind::kUnavailable);
    CHECK(none.error().message.find("/none/x") != std::string::npos);
    auto full = sftp_output(*client, "/dev/full", "/dev", kForEver);
    REQUIRE(full);
    REQUIRE((*full)->write_at(0, pattern(10)));
    CHECK_FALSE((*full)->finish(10));
  }
  SUBCASE("the server dies while data is under way") {
    auto output = sftp_output(*client, dir + "/x", dir, kForEver);
    REQUIRE(output);
    kill(server.pid, SIGKILL);
    const auto data = pattern(1 << 20);
    Status s;
    for (int i = 0; i < 50 && s; ++i)
      s = (*output)->write_at(static_cast<std::uint64_t>(i) << 20, data);
    REQUIRE_FALSE(s);
    // Which of the two depends on whether an answer was still unread.
    const bool gone = s.error().message.find("the connection has ended") != std::string::npos ||
                      s.error().code == ECONNRESET;
    CHECK_MESSAGE(gone, s.error().message);
  }
}
