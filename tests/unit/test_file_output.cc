// Local files: direct and buffered, sparse and not, full.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <random>
#include <string>
#include <vector>

#include "init/output/aligned_buffer.h"
#include "init/output/output.h"
#include "tests/fakes/temp_dir.h"

namespace mkcapture {
namespace {

constexpr std::size_t kMiB = 1 << 20;

std::unique_ptr<Output> open_output(const std::string& path, bool sparse) {
  auto output = file_output(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600), sparse);
  REQUIRE(output.ok());
  return std::move(*output);
}

std::span<const std::byte> bytes(const std::string& text) {
  return std::as_bytes(std::span(text));
}

/// The folders to write to: a disk's file system, which may have direct I/O, and memory's, which
/// has none.
std::vector<std::string> places(const fakes::TempDir& dir) {
  std::vector<std::string> p{dir.path("file")};
  if (access("/dev/shm", W_OK) == 0)
    p.push_back("/dev/shm/test_file_output." + std::to_string(getpid()));
  return p;
}

std::string content(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST_CASE("file_output: pieces of every size and order are in their places") {
  const fakes::TempDir dir;
  std::mt19937 random(1);  // NOLINT: the same pieces each time
  for (const std::string& path : places(dir)) {
    for (const bool sparse : {true, false}) {
      CAPTURE(path);
      std::string model;
      auto output = open_output(path, sparse);
      AlignedBuffer aligned(3 * kMiB);
      for (int i = 0; i < 60; ++i) {
        // Mostly on from where the last one ended, as the writers do.
        const std::size_t offset = i % 4 != 3 ? model.size() : random() % (8 * kMiB);
        const std::size_t size = i % 5 == 0 ? random() % aligned.size() : random() % 9000;
        const auto piece = aligned.span().first(size);
        for (std::byte& b : piece)
          b = static_cast<std::byte>(random() >> 3);
        REQUIRE(output->write_at(offset, piece).ok());
        if (size == 0) continue;
        if (model.size() < offset + size) model.resize(offset + size);
        model.replace(offset, size, reinterpret_cast<const char*>(piece.data()), size);
      }
      model.resize(model.size() + 100000);
      REQUIRE(output->finish(model.size()).ok());
      output.reset();
      CHECK((content(path) == model));
      unlink(path.c_str());
    }
  }
}

TEST_CASE("file_output: gaps are holes in a sparse file, and zeros on what had other bytes") {
  const fakes::TempDir dir;
  for (const bool sparse : {true, false}) {
    const std::string path = dir.write("old", sparse ? "" : std::string(6 * kMiB, '\xff'));
    auto output = open_output(path, sparse);
    REQUIRE(output->write_at(0, bytes("head")).ok());
    REQUIRE(output->write_at(3 * kMiB + 5, bytes("middle")).ok());
    REQUIRE(output->finish(5 * kMiB).ok());
    output.reset();
    std::string expected(5 * kMiB, '\0');
    expected.replace(0, 4, "head");
    expected.replace(3 * kMiB + 5, 6, "middle");
    const std::string found = content(path);
    CHECK((found.substr(0, expected.size()) == expected));
    CHECK(found.size() == (sparse ? 5 * kMiB : 6 * kMiB));
    struct stat st{};
    REQUIRE(stat(path.c_str(), &st) == 0);
    if (sparse) CHECK(static_cast<std::size_t>(st.st_blocks) * 512 < kMiB);
    unlink(path.c_str());
  }
}

TEST_CASE("file_output: reserved room reads as zeros and does not make the file longer") {
  const fakes::TempDir dir;
  auto output = open_output(dir.path("f"), true);
  REQUIRE(output->write_at(0, bytes("x")).ok());
  CHECK(output->reserve(4096, 2 * kMiB).ok());
  REQUIRE(output->finish(1).ok());
  CHECK(dir.read("f") == "x");
}

TEST_CASE("file_output: a full target is an error of the write that met it, or of a later one") {
  if (access("/dev/full", W_OK) != 0) return;
  auto output = open_output("/dev/full", true);
  const std::string data(4 * kMiB, 'x');
  Status status = output->write_at(0, bytes(data));
  if (status) status = output->finish(data.size());
  REQUIRE_FALSE(status.ok());
  CHECK(status.error().code == ENOSPC);
  CHECK(status.error().message == "write: No space left on device");
}

TEST_CASE("file_output: what was written is there though finish() was never called") {
  const fakes::TempDir dir;
  const std::string data(4 * kMiB, 'y');
  {
    auto output = open_output(dir.path("f"), true);
    REQUIRE(output->write_at(0, bytes(data)).ok());
  }
  CHECK(dir.read("f").size() >= 3 * kMiB);
  CHECK(dir.read("f").find_first_not_of('y') == std::string::npos);
}

}  // namespace
}  // namespace mkcapture
