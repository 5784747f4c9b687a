// The man pages say all that there is, and nothing that is not.
#include <doctest/doctest.h>

#include <fstream>
#include <iterator>
#include <string>

#include "builder/ask/settings.h"
#include "tests/fakes/source_tree.h"

namespace {

std::string page(const std::string& name) {
  std::ifstream in(mkcapture::fakes::source_path("builder/man/" + name));
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

TEST_CASE("man pages: mkcapture(8) has every option") {
  const std::string text = page("mkcapture.8");
  REQUIRE(!text.empty());
  for (const auto& field : mkcapture::setting_fields()) {
    const std::string entry = "Fl Fl " + std::string(long_option(field).substr(2));
    CHECK_MESSAGE((text.find(".It " + entry) != std::string::npos ||
                   text.find(" , " + entry) != std::string::npos),
                  entry);
  }
}

TEST_CASE("man pages: mkcapture.toml(5) has every key, and no other") {
  const std::string text = page("mkcapture.toml.5");
  REQUIRE(!text.empty());
  std::size_t keys = 0;
  for (const auto& field : mkcapture::setting_fields())
    CHECK_MESSAGE(text.find(".It Ic " + std::string(field.key) + " No = ") != std::string::npos,
                  field.key);
  for (std::size_t at = 0; (at = text.find(".It Ic ", at)) != std::string::npos; ++at)
    ++keys;
  CHECK(keys == mkcapture::setting_fields().size());
}
