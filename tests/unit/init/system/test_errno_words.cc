#include <doctest/doctest.h>

#include <string_view>

#include "init/system/errno_words.h"

using mkcapture::init::errno_words;

TEST_CASE("errno words: a damaged file system is called so, on musl too") {
  CHECK(std::string_view(errno_words(EUCLEAN)) == "the file system is damaged");
  CHECK(std::string_view(errno_words(ENOSPC)) == "No space left on device");
}
