// Pipes.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <string>
#include <thread>

#include "init/output/output.h"

namespace mkcapture {
namespace {

struct Pipe {
  Pipe() {
    std::array<int, 2> fds{};
    REQUIRE(pipe2(fds.data(), O_CLOEXEC) == 0);
    reader = fds[0];
    writer = fds[1];
  }
  ~Pipe() { close_reader(); }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  void close_reader() {
    if (reader >= 0) close(reader);
    reader = -1;
  }
  /// Everything up to the end.
  [[nodiscard]] std::string read_all() const {
    std::string all;
    std::array<char, 65536> block{};
    for (ssize_t n = 0; (n = read(reader, block.data(), block.size())) > 0;)
      all.append(block.data(), static_cast<std::size_t>(n));
    return all;
  }

  int reader = -1;
  int writer = -1;  // stream_output() takes it over
};

std::span<const std::byte> bytes(const std::string& text) {
  return std::as_bytes(std::span(text));
}

TEST_CASE("stream_output: gaps between writes and at the end are zeros") {
  Pipe pipe;
  std::string received;
  std::thread reader([&] { received = pipe.read_all(); });
  {
    const auto output = stream_output(pipe.writer, 0);
    CHECK_FALSE(output->seekable());
    CHECK(output->write_at(0, bytes("head")).ok());
    CHECK(output->write_at(100000, bytes("middle")).ok());
    CHECK(output->finish(200000).ok());
  }
  reader.join();
  std::string expected(200000, '\0');
  expected.replace(0, 4, "head");
  expected.replace(100000, 6, "middle");
  CHECK((received == expected));
}

TEST_CASE("stream_output: it cannot go back, and finish() takes nothing away") {
  Pipe pipe;
  {
    const auto output = stream_output(pipe.writer, 0);
    CHECK(output->write_at(0, bytes("0123456789")).ok());
    const auto back = output->write_at(9, bytes("x"));
    REQUIRE_FALSE(back.ok());
    CHECK(back.error().message == "a stream cannot go back");
    CHECK(output->finish(3).ok());
  }
  CHECK(pipe.read_all() == "0123456789");
}

TEST_CASE("stream_output: a reader that takes nothing is waited for as long as was said") {
  for (const bool slow : {false, true}) {
    Pipe pipe;
    auto output = stream_output(pipe.writer, 100);
    std::thread reader([&] {
      if (!slow) return;
      std::array<char, 4096> block{};
      for (int i = 0; i < 30; ++i) {  // slower than the limit in all, never for a single read
        usleep(10000);
        if (read(pipe.reader, block.data(), block.size()) <= 0) return;
      }
      while (read(pipe.reader, block.data(), block.size()) > 0) {
      }
    });
    const std::string data(300000, 'x');
    const auto status = output->write_at(0, bytes(data));
    if (slow) {
      CHECK(status.ok());
    } else {
      REQUIRE_FALSE(status.ok());
      CHECK(status.error().code == ETIMEDOUT);
    }
    output.reset();  // and with it the writer's end, which the reader waits for
    reader.join();
  }
}

TEST_CASE("stream_output: a reader that is gone is an error") {
  std::signal(SIGPIPE, SIG_IGN);
  Pipe pipe;
  const auto output = stream_output(pipe.writer, 0);
  pipe.close_reader();
  const auto status = output->write_at(0, bytes("x"));
  REQUIRE_FALSE(status.ok());
  CHECK(status.error().code == EPIPE);
}

}  // namespace
}  // namespace mkcapture
