#include <doctest/doctest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>

#include "builder/host/host.h"
#include "builder/image/assemble.h"
#include "tests/fakes/temp_dir.h"

using namespace mkcapture;

using mkcapture::Compressor;
using mkcapture::ImageContents;
using mkcapture::ImageSizes;
using mkcapture::pack_image;

namespace {

ImageContents contents() {
  ImageContents c;
  REQUIRE(c.add_file("lib/modules/ext4.ko", std::string(5000, 'm'), 0644, "tree").ok());
  REQUIRE(c.add_file("init",
                     "\x7f"
                     "ELF",
                     0755, "payload")
              .ok());
  REQUIRE(c.add_file("etc/capture.conf", "target=raw:/dev/vdb\n", 0644, "plan").ok());
  REQUIRE(c.add_symlink("bin/sh", "busybox").ok());
  REQUIRE(c.add_char_device("dev/console", 0600, 5, 1).ok());
  return c;
}

}  // namespace

TEST_CASE("contents: folders are made, order is by path") {
  std::vector<std::string> paths;
  const ImageContents c = contents();
  for (const auto& [path, entry] : c.entries())
    paths.push_back(path);
  CHECK(paths == std::vector<std::string>{"bin", "bin/sh", "dev", "dev/console", "etc",
                                          "etc/capture.conf", "init", "lib", "lib/modules",
                                          "lib/modules/ext4.ko"});
  CHECK(c.find("lib")->mode == 0755);
  CHECK(c.rootfs_bytes() == 4096 + 4096 + 8192);
}

TEST_CASE("contents: names that cannot be, and two things of one name") {
  ImageContents c = contents();
  for (const char* path : {"", "/init", "a/", "a//b", "a/../b", "..", "./a", "a/."}) {
    CAPTURE(path);
    CHECK_FALSE(c.add_file(path, "x", 0644, "").ok());
  }
  CHECK(c.add_file("init",
                   "\x7f"
                   "ELF",
                   0755, "again, the same")
            .ok());
  CHECK(c.add_file("init", "other", 0755, "x").error().message ==
        "init: there is something else in the image under this name already (payload)");
  CHECK(c.add_file("init/below", "x", 0644, "").error().message ==
        "init/below: init is not a folder");
  CHECK(c.add_directory("lib", 0700).ok());  // made for what is in it: takes the mode
  CHECK(c.find("lib")->mode == 0700);
  CHECK_FALSE(c.add_directory("init").ok());
}

TEST_CASE("images: every compressor, the same bytes twice, read back by another program") {
  const fakes::TempDir dir;
  for (const char* name : {"none", "gzip", "xz", "zstd", "lz4"}) {
    CAPTURE(name);
    ImageSizes sizes;
    const auto c = *mkcapture::parse_compressor(name);
    const auto image = pack_image(contents(), {c, true}, 0, sizes);
    REQUIRE_MESSAGE(image.ok(), image.error().message);
    ImageSizes again;
    CHECK(*image == *pack_image(contents(), {c, true}, 0, again));
    CHECK(sizes.image_bytes == image->size());
    CHECK(sizes.rootfs_bytes == contents().rootfs_bytes());
    CHECK(sizes.peak_bytes() == sizes.image_bytes + sizes.rootfs_bytes + sizes.decoder_bytes);
    CHECK(sizes.cpio_bytes > 5000);
  }
}

TEST_CASE("images: the time is in the archive") {
  ImageSizes sizes;
  CHECK(*pack_image(contents(), {Compressor::kNone, false}, 0, sizes) !=
        *pack_image(contents(), {Compressor::kNone, false}, 1, sizes));
  CHECK_FALSE(pack_image(contents(), {Compressor::kNone, false}, -1, sizes).ok());
}

TEST_CASE("images: a configuration that /init would refuse is not sealed") {
  ImageContents c;
  REQUIRE(c.add_file("etc/capture.conf", "target=ftp://x\n", 0644, "plan").ok());
  ImageSizes sizes;
  const auto image = pack_image(c, {Compressor::kXz, false}, 0, sizes);
  REQUIRE_FALSE(image.ok());
  CHECK(image.error().message.find("the image, read back: etc/capture.conf: ") == 0);
}

TEST_CASE("read_cpio: nothing behind the archive, no strange files, root's only") {
  const std::string cpio = *mkcapture::make_cpio(contents(), 0);
  CHECK(mkcapture::read_cpio(cpio)->entries() == contents().entries());
  CHECK_FALSE(mkcapture::read_cpio(cpio + "more").ok());
  std::string owned = cpio;
  owned[6 + 2 * 8 + 7] = '1';  // the first member's uid
  CHECK(mkcapture::read_cpio(owned).error().message == "bin: owner is not root");
  std::string fifo = cpio;
  fifo.replace(6 + 1 * 8, 8, "000011ed");
  CHECK_FALSE(mkcapture::read_cpio(fifo).ok());
}

TEST_CASE("an image is written whole, mode 0600, and nothing is left on an error") {
  const auto host = mkcapture::real_host();
  const fakes::TempDir dir;
  const std::string path = dir.write("out/capture.img", "old");
  std::filesystem::permissions(path, std::filesystem::perms::all);
  REQUIRE(host->replace_file(path, "new bytes", 0600).ok());
  CHECK(dir.read("out/capture.img") == "new bytes");
  struct stat st{};
  REQUIRE(stat(path.c_str(), &st) == 0);
  CHECK((st.st_mode & 07777) == 0600);

  CHECK_FALSE(host->replace_file(dir.path("absent/capture.img"), "x", 0600).ok());
  std::filesystem::create_directory(dir.path("out/folder"));
  CHECK(host->replace_file(dir.path("out/folder"), "x", 0600).error().message ==
        dir.path("out/folder") + ": is there and not a file");
  CHECK_FALSE(host->replace_file("/dev/null", "x", 0600).ok());
  CHECK(std::distance(std::filesystem::directory_iterator(dir.path("out")), {}) == 2);
}

TEST_CASE("SOURCE_DATE_EPOCH") {
  unsetenv("SOURCE_DATE_EPOCH");
  CHECK(*mkcapture::image_mtime() == 0);
  setenv("SOURCE_DATE_EPOCH", "1700000000", 1);
  CHECK(*mkcapture::image_mtime() == 1700000000);
  for (const char* bad : {"yesterday", "-1", "99999999999"}) {
    setenv("SOURCE_DATE_EPOCH", bad, 1);
    CHECK_FALSE(mkcapture::image_mtime().ok());
  }
  unsetenv("SOURCE_DATE_EPOCH");
}
