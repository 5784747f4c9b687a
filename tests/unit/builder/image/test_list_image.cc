#include <doctest/doctest.h>

#include "builder/host/host.h"
#include "builder/image/cpio.h"
#include "builder/image/list.h"
#include "tests/fakes/temp_dir.h"

using namespace mkcapture;

using mkcapture::Compressor;
using mkcapture::ImageContents;
using mkcapture::list_image;

namespace {

std::string sample_cpio() {
  ImageContents c;
  REQUIRE(c.add_file("lib/modules/ext4.ko", std::string(5000, 'm'), 0644, "").ok());
  REQUIRE(c.add_file("lib/firmware/a.bin", "fw", 0644, "").ok());
  REQUIRE(c.add_file("lib/x86_64-linux-gnu/libc.so.6", "lib", 0755, "").ok());
  REQUIRE(c.add_file("init", std::string(700, 'i'), 0755, "").ok());
  REQUIRE(c.add_file("etc/capture.conf", "# nothing\n", 0600, "").ok());
  REQUIRE(c.add_symlink("bin/sh", "busybox").ok());
  REQUIRE(c.add_char_device("dev/console", 0600, 5, 1).ok());
  return *mkcapture::make_cpio(c, 0);
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("list: entries, kinds and totals, whatever the compressor") {
  const std::string cpio = sample_cpio();
  for (const char* name : {"none", "gzip", "xz", "zstd", "lz4"}) {
    CAPTURE(name);
    const auto packed = mkcapture::compress(cpio, {*mkcapture::parse_compressor(name), false});
    const auto text = list_image(packed->bytes);
    REQUIRE_MESSAGE(text.ok(), text.error().message);
    CAPTURE(*text);
    CHECK(has(*text, "-rw-r--r--      5000 lib/modules/ext4.ko\n"));
    CHECK(has(*text, "-rwxr-xr-x       700 init\n"));
    CHECK(has(*text, "drwxr-xr-x         0 lib/modules\n"));
    CHECK(has(*text, "lrwxrwxrwx         7 bin/sh -> busybox\n"));
    CHECK(has(*text, "crw-------      5, 1 dev/console\n"));
    CHECK(has(*text, "modules          1        5000 bytes"));
    CHECK(has(*text, "programs         1         700 bytes"));
    CHECK(has(*text, "libraries        1           3 bytes"));
    CHECK(has(*text, "firmware         1           2 bytes"));
    CHECK(has(*text, "other files      1          10 bytes"));
    CHECK(has(*text, "in all           5        5715 bytes"));
    if (std::string(name) != "none")
      CHECK(has(*text, "archive at byte 0: " + std::string(name) + ", "));
  }
}

TEST_CASE("list: microcode in front, zeros between") {
  ImageContents early;
  REQUIRE(early.add_file("kernel/x86/microcode/GenuineIntel.bin", "mc", 0644, "").ok());
  const std::string cpio = sample_cpio();
  const std::string image = *mkcapture::make_cpio(early, 0) + std::string(512, '\0') +
                            mkcapture::compress(cpio, {Compressor::kXz, false})->bytes;
  const auto text = list_image(image);
  REQUIRE_MESSAGE(text.ok(), text.error().message);
  CHECK(has(*text, "kernel/x86/microcode/GenuineIntel.bin\n"));
  CHECK(has(*text, "lib/modules/ext4.ko\n"));
  CHECK(has(*text, "archive at byte 0: not packed, "));
}

TEST_CASE("list: names cannot command the terminal") {
  const std::string cpio = *mkcapture::write_cpio({{"a\x1b[2Jb\n", 0100644, 0, 0, 0, 0, 0, ""}}, 0);
  const auto text = list_image(cpio);
  REQUIRE(text.ok());
  CHECK(has(*text, "a\\x1b[2Jb\\x0a\n"));
}

TEST_CASE("list: what is no image") {
  CHECK(list_image("").error().message == "an empty file");
  CHECK(list_image("#!/bin/sh\n").error().message == "byte 0: neither a cpio archive nor packed");
  const std::string cpio = sample_cpio();
  const std::string packed = mkcapture::compress(cpio, {Compressor::kXz, false})->bytes;
  CHECK_FALSE(list_image(packed.substr(0, packed.size() / 2)).ok());
  // Packed twice: the kernel would not take it either.
  const std::string twice = mkcapture::compress(packed, {Compressor::kGzip, false})->bytes;
  CHECK_FALSE(list_image(twice).ok());
  const fakes::TempDir dir;
  const std::string file = dir.write("x.img", "nothing");
  CHECK(mkcapture::list_image_file(*mkcapture::real_host(), file).error().message ==
        file + ": byte 0: neither a cpio archive nor packed");
  CHECK(mkcapture::list_image_file(*mkcapture::real_host(), dir.path("absent"))
            .error()
            .message.find("absent") != std::string::npos);
}

TEST_CASE("tree: with origins") {
  ImageContents c;
  REQUIRE(c.add_file("init", "x", 0755, "/payload/init").ok());
  CHECK(has(mkcapture::format_tree(c), "-rwxr-xr-x         1 init  (/payload/init)\n"));
}
