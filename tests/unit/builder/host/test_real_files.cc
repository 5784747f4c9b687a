// What the real host writes for the subcommands, in a folder of its own.
#include <doctest/doctest.h>
#include <sys/stat.h>

#include <filesystem>

#include "builder/host/host.h"
#include "tests/fakes/temp_dir.h"

using namespace mkcapture;

TEST_CASE("host: a kept file is whole, has its mode, and replaces what was there") {
  const fakes::TempDir dir;
  const auto host = real_host();
  const std::string path = dir.path("a/b/state");
  REQUIRE(host->write_file(path, "first", 0600));
  REQUIRE(host->write_file(path, "the second", 0644));
  CHECK(dir.read("a/b/state") == "the second");
  struct stat st{};
  REQUIRE(::stat(path.c_str(), &st) == 0);
  CHECK((st.st_mode & 0777) == 0644);
  CHECK(host->list_dir(dir.path("a/b"))->size() == 1);  // no temporary file is left
  CHECK(host->stamp(path)->bytes == 10);
  CHECK(*host->read_start(path, 3) == "the");
  CHECK(*host->read_start(path, 300) == "the second");
}

TEST_CASE("host: a file that cannot be written leaves nothing") {
  const fakes::TempDir dir;
  const auto host = real_host();
  dir.write("in/the-way", "");
  const auto status = host->write_file(dir.path("in/the-way/state"), "x", 0644);
  REQUIRE(!status);
  CHECK(status.error().message.find("the-way") != std::string::npos);
  CHECK(host->list_dir(dir.path("in"))->size() == 1);
}

TEST_CASE("host: kept files are renamed and removed, also those that are not there") {
  const fakes::TempDir dir;
  const auto host = real_host();
  dir.write("one", "1");
  REQUIRE(host->rename_file(dir.path("one"), dir.path("two")));
  CHECK(!host->stamp(dir.path("one")));
  REQUIRE(host->remove_file(dir.path("two")));
  REQUIRE(host->remove_file(dir.path("two")));
  CHECK(!host->rename_file(dir.path("two"), dir.path("one")));
  CHECK(host->free_bytes(dir.path()));
  CHECK(!host->free_bytes(dir.path("nowhere")));
}
