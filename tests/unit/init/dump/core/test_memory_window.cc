// Windows on a vmcore's memory: by mmap and by read, with gaps and broken places.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>

#include "init/dump/core/memory_window.h"
#include "tests/fakes/synthetic_machine.h"

namespace mkcapture {
namespace {

using namespace dump;

using fakes::BytesFile;

std::vector<std::byte> pattern(std::size_t size) {
  std::vector<std::byte> bytes(size);
  for (std::size_t i = 0; i < size; ++i)
    bytes[i] = static_cast<std::byte>(i / 4096 * 7 + i % 251);
  return bytes;
}

// Two ranges with a gap, in a file whose order is another; offsets that are no multiple of a page.
const std::vector<MemoryRange> kRanges{{0x10000, 0x8000, 0, 0x9200}, {0x20000, 0x4000, 0, 0x200}};

void check_windows(const CoreFile& file, std::size_t window_bytes) {
  const auto bytes = pattern(0x12000);
  CoreWindow window(file, kRanges, 4096, window_bytes);
  for (const MemoryRange& r : kRanges) {
    for (std::uint64_t at = r.paddr; at < r.paddr + r.size;) {
      const auto span = window.at(at, 0x3000);
      REQUIRE(span.size() >= 4096 - at % 4096);
      CHECK(std::equal(span.begin(), span.end(),
                       bytes.begin() + static_cast<std::ptrdiff_t>(r.file_offset + at - r.paddr)));
      at += span.size();
      CHECK(at <= r.paddr + r.size);
    }
  }
  CHECK(window.at(0xf000, 4096).empty());
  CHECK(window.at(0x18000, 4096).empty());
  CHECK(window.at(0x24000, 4096).empty());
  CHECK(window.at(~std::uint64_t{0}, 1).empty());
  CHECK(window.at(0x10ff0, 0x10).size() == 0x10);
}

TEST_CASE("Windows by read") {
  const BytesFile file(pattern(0x12000));
  for (const std::size_t size : {1, 4096, 0x3000, 1 << 20})
    check_windows(file, size);
}

TEST_CASE("Windows by mmap") {
  BytesFile file(pattern(0x12000));
  file.mappable = true;
  for (const std::size_t size : {1, 4096, 0x3000, 1 << 20})
    check_windows(file, size);
}

TEST_CASE("A file that ends early") {
  for (const bool mappable : {false, true}) {
    BytesFile file(pattern(0x9200 + 0x2800));
    file.mappable = mappable;
    CoreWindow window(file, kRanges, 4096, 0x8000);
    CHECK(window.at(0x12000, 4096).size() >= 0x800 * mappable);
    CHECK(window.at(0x13000, 4096).empty());
    CHECK(window.at(0x11000, 4096).size() == 4096);
    CHECK(window.at(0x20000, 4096).size() == 4096);
  }
}

TEST_CASE("A file by name") {
  char path[] = "/tmp/mkcapture-window-XXXXXX";
  const int fd = mkstemp(path);
  REQUIRE(fd >= 0);
  const auto bytes = pattern(0x12000);
  REQUIRE(write(fd, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
  const auto file = open_core_file(path);
  REQUIRE(file.ok());
  CHECK((*file)->size() == 0x12000);
  for (const std::size_t size : {4096, 0x3000, 1 << 20})
    check_windows(**file, size);
  close(fd);
  unlink(path);
  CHECK_FALSE(open_core_file(path).ok());
  CHECK_FALSE(open_core_file("/dev/null").ok());
}

TEST_CASE("A page that cannot be read costs only itself") {
  BytesFile file(pattern(0x12000));
  file.broken = {{0x9200 + 0x2000, 0x9200 + 0x3000}};
  CoreWindow window(file, kRanges, 4096, 0x8000);
  CHECK(window.at(0x10000, 0x8000).size() == 0x2000);
  CHECK(window.at(0x12000, 4096).empty());
  CHECK(window.at(0x13000, 0x8000).size() == 0x5000);
  // Broken inside of a page: what lies in front of it in the window is whole pages.
  file.broken = {{0x9200 + 0x2100, 0x9200 + 0x2101}};
  CoreWindow other(file, kRanges, 4096, 0x8000);
  CHECK(other.at(0x10000, 0x8000).size() == 0x2000);
}

TEST_CASE("Small reads anywhere") {
  const auto bytes = pattern(0x12000);
  BytesFile file(bytes);
  PhysicalMemory memory(file, kRanges);
  std::vector<std::byte> out(0x2100);
  REQUIRE(memory.read(0x10ff0, out));
  CHECK(std::equal(out.begin(), out.end(), bytes.begin() + 0x9200 + 0xff0));
  REQUIRE(memory.read(0x23fff, std::span(out).first(1)));
  CHECK(out[0] == bytes[0x200 + 0x3fff]);
  CHECK_FALSE(memory.read(0x23fff, std::span(out).first(2)));
  CHECK_FALSE(memory.read(0x1000, std::span(out).first(1)));
  file.broken = {{0x9200 + 0x7000, 0x9200 + 0x7800}};
  CHECK_FALSE(memory.read(0x17000, std::span(out).first(8)));
}

}  // namespace
}  // namespace mkcapture
