// Local files: direct and buffered, sparse and not, full.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "init/output/aligned_buffer.h"
#include "init/output/output.h"
#include "init/output/touched_pages.h"
#include "init/system/linux_directory.h"
#include "tests/fakes/temp_dir.h"

namespace {
int write_back_error = 0;  // errno of sync_file_range(); 0: the kernel's own answer
}
/// In the C library's place.
extern "C" int sync_file_range(int fd, off64_t offset, off64_t size, unsigned flags) {
  if (write_back_error != 0) {
    errno = write_back_error;
    return -1;
  }
  return static_cast<int>(syscall(SYS_sync_file_range, fd, offset, size, flags));
}

namespace mkcapture {
namespace {

constexpr std::size_t kMiB = 1 << 20;

std::unique_ptr<Output> open_output(const std::string& path, bool sparse) {
  auto output = file_output(open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600), sparse);
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
  std::string all(std::filesystem::file_size(path), '\0');
  std::ifstream(path, std::ios::binary).read(all.data(), static_cast<std::streamsize>(all.size()));
  return all;
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
        for (std::size_t at = 0; at + 4 <= size; at += 4) {
          const auto word = static_cast<std::uint32_t>(random());
          std::memcpy(piece.data() + at, &word, 4);
        }
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

TEST_CASE("file_output: a part of a page in a hole is written as the whole page") {
  const fakes::TempDir dir;
  for (const std::string& path : places(dir)) {
    CAPTURE(path);
    // What is not written shows: a file in use is empty, this one is not.
    std::ofstream(path, std::ios::binary) << std::string(20 * 4096, '\xff');
    auto output = open_output(path, true);
    std::string expected(20 * 4096, '\xff');
    const auto write = [&](std::size_t offset, std::size_t size, char c) {
      const std::string data(size, c);
      REQUIRE(output->write_at(offset, bytes(data)).ok());
      expected.replace(offset, size, data);
    };
    const auto zeros = [&](std::size_t from, std::size_t to) {
      expected.replace(from, to - from, to - from, '\0');
    };
    write(2 * 4096 + 100, 50, 'a');  // inside of one page
    zeros(2 * 4096, 2 * 4096 + 100);
    zeros(2 * 4096 + 150, 3 * 4096);
    write(9 * 4096 - 7, 2 * 4096, 'b');  // over both ends of another
    zeros(8 * 4096, 9 * 4096 - 7);
    zeros(11 * 4096 - 7, 11 * 4096);
    write(2 * 4096 + 300, 20, 'c');  // no hole any more: what is there stays
    write(8 * 4096 + 1, 2, 'd');
    write(19 * 4096 + 10, 20, 'e');  // the file's end: nothing behind it
    zeros(19 * 4096, 19 * 4096 + 10);
    expected.resize(19 * 4096 + 30);
    REQUIRE(output->finish(expected.size()).ok());
    output.reset();
    CHECK((content(path).substr(0, expected.size()) == expected));
    unlink(path.c_str());
  }
}

TEST_CASE("file_output: the file is as long as what it holds, also where finish() knows no size") {
  const fakes::TempDir dir;
  for (const std::uint64_t size : {std::uint64_t{0}, std::uint64_t{5000}, std::uint64_t{9000}}) {
    const std::string path = dir.path("f" + std::to_string(size));
    auto output = open_output(path, true);
    REQUIRE(output->write_at(4096, bytes(std::string(904, 'x'))).ok());  // to 5000
    REQUIRE(output->write_at(0, bytes("y")).ok());
    REQUIRE(output->finish(size).ok());
    CHECK(content(path).size() == std::max<std::uint64_t>(size, 5000));
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

TEST_CASE("file_output: whatever the write-back says fails the file, but that it cannot be asked") {
  if (access("/dev/shm", W_OK) != 0) return;  // memory's file system: no direct I/O
  const std::string path = "/dev/shm/test_file_output." + std::to_string(getpid());
  const std::string data(4 * kMiB, 'x');
  const auto written = [&](int code) {
    auto output = open_output(path, true);
    write_back_error = code;
    Status status = output->write_at(0, bytes(data));
    if (status) status = output->finish(data.size());
    write_back_error = 0;
    return status ? 0 : status.error().code;
  };
  for (const int code : {EIO, ENOSPC, EDQUOT, ESTALE, EFBIG})
    CHECK(written(code) == code);
  for (const int code : {EINVAL, ESPIPE, ENOSYS})
    CHECK(written(code) == 0);
  unlink(path.c_str());
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

TEST_CASE("touched_pages: a page that was touched is never taken for a hole") {
  std::mt19937 random(2);  // NOLINT: the same ranges each time
  for (const std::uint64_t pages : {40, 4000}) {
    TouchedPages touched;
    std::vector<bool> model(pages + 8);
    std::size_t holes = 0;
    for (int i = 0; i < 300; ++i) {
      const std::uint64_t offset = random() % (pages * TouchedPages::kPage);
      const std::uint64_t size = random() % (3 * TouchedPages::kPage);
      touched.touch(offset, size);
      for (std::uint64_t at = offset; at < offset + size; ++at)
        model[at / TouchedPages::kPage] = true;
      for (std::uint64_t page = 0; page < model.size(); ++page) {
        const bool hole = touched.in_a_hole(page * TouchedPages::kPage + 4095);
        REQUIRE(!(hole && model[page]));
        if (hole) ++holes;
      }
    }
    CHECK(holes > 0);
    CHECK(touched.in_a_hole((pages + 7) * TouchedPages::kPage));
  }
}

TEST_CASE("touched_pages: few extents are known exactly") {
  TouchedPages touched;
  for (std::uint64_t i = TouchedPages::kMostExtents; i-- > 0;)
    touched.touch(i * 2 * TouchedPages::kPage + 5, 1);
  for (std::uint64_t i = 0; i < TouchedPages::kMostExtents; ++i) {
    CHECK_FALSE(touched.in_a_hole(i * 2 * TouchedPages::kPage));
    CHECK(touched.in_a_hole((i * 2 + 1) * TouchedPages::kPage));
  }
}

TEST_CASE("directory: a dump's files are open for writing alone") {
  // What reads, makes an NFS client read each page that it is given a part of.
  const fakes::TempDir dir;
  auto directory = init::open_linux_directory(dir.path("."));
  REQUIRE(directory.ok());
  auto output = (*directory)->create("vmcore.incomplete");
  REQUIRE(output.ok());
  int found = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code gone;
    const auto file = std::filesystem::read_symlink(entry.path(), gone);
    if (gone || file.filename() != "vmcore.incomplete") continue;
    ++found;
    const int flags = fcntl(std::stoi(entry.path().filename()), F_GETFL);
    CHECK((flags & O_ACCMODE) == O_WRONLY);
  }
  CHECK(found == 1);
}

}  // namespace
}  // namespace mkcapture
