#include <doctest/doctest.h>
#include <sys/stat.h>

#include <cstdlib>

#include "builder/image/cpio.h"
#include "tests/fakes/temp_dir.h"

using namespace mkcapture;

using mkcapture::CpioMember;
using mkcapture::read_cpio_archive;
using mkcapture::write_cpio;

namespace {

std::vector<CpioMember> members() {
  return {
      {"dev", S_IFDIR | 0755, 0, 0, 0, 0, 0, ""},
      {"dev/console", S_IFCHR | 0600, 0, 0, 0, 5, 1, ""},
      {"etc/empty", S_IFREG | 0644, 0, 0, 0, 0, 0, ""},
      {"etc/text", S_IFREG | 0600, 0, 0, 0, 0, 0, "some bytes"},
      {"sh", S_IFLNK | 0777, 0, 0, 0, 0, 0, "busybox"},
  };
}

}  // namespace

TEST_CASE("cpio: what is written is read back") {
  const auto bytes = write_cpio(members(), 1234567890);
  REQUIRE(bytes.ok());
  CHECK(bytes->substr(0, 6) == "070701");
  CHECK(bytes->size() % 4 == 0);
  const auto archive = read_cpio_archive(*bytes);
  REQUIRE(archive.ok());
  CHECK(archive->bytes == bytes->size());
  REQUIRE(archive->members.size() == 5);
  for (std::size_t i = 0; i < 5; ++i) {
    const CpioMember expected = members()[i];
    const CpioMember& m = archive->members[i];
    CHECK(m.path == expected.path);
    CHECK(m.mode == expected.mode);
    CHECK(m.data == expected.data);
    CHECK(m.major == expected.major);
    CHECK(m.minor == expected.minor);
    CHECK(m.mtime == 1234567890);
    CHECK(m.uid == 0);
    CHECK(m.gid == 0);
  }
  CHECK(*bytes == *write_cpio(members(), 1234567890));
}

TEST_CASE("cpio: the cpio program agrees") {
  const fakes::TempDir dir;
  const std::string file = dir.write("a.cpio", *write_cpio(members(), 86400));
  const std::string list = "TZ=UTC LC_ALL=C cpio --quiet -tvn < " + file + " > " + dir.path("list");
  REQUIRE(std::system(list.c_str()) == 0);
  const std::string text = dir.read("list");
  CAPTURE(text);
  CHECK(text.find("drwxr-xr-x   1 0        0               0 Jan  2  1970 dev\n") == 0);
  CHECK(text.find("crw-------   1 0        0          5,   1 Jan  2  1970 dev/console\n") !=
        std::string::npos);
  CHECK(text.find("-rw-------   1 0        0              10 Jan  2  1970 etc/text\n") !=
        std::string::npos);
  CHECK(text.find(" sh -> busybox\n") != std::string::npos);
}

TEST_CASE("cpio: archives that lie are refused") {
  const std::string good = *write_cpio(members(), 0);
  for (std::size_t size = 1; size < 110; ++size)
    CHECK_FALSE(read_cpio_archive(good.substr(0, size)).ok());
  // A file size beyond the end (field 6, counted from 0).
  std::string huge = good;
  huge.replace(6 + 6 * 8, 8, "ffffffff");
  CHECK(read_cpio_archive(huge).error().message == "cpio archive: byte 0: goes beyond the end");
  std::string name = good;
  name.replace(6 + 11 * 8, 8, "fffffffe");
  CHECK(read_cpio_archive(name).error().message == "cpio archive: byte 0: goes beyond the end");
  name.replace(6 + 11 * 8, 8, "00000000");
  CHECK_FALSE(read_cpio_archive(name).ok());
  std::string digits = good;
  digits[10] = 'x';
  CHECK(read_cpio_archive(digits).error().message == "cpio archive: byte 0: not a number");
  CHECK(read_cpio_archive("hello").error().message.find("header cut short") != std::string::npos);
}
