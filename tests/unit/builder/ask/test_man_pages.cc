// The man pages say all that there is, and nothing that is not.
#include <doctest/doctest.h>

#include <fstream>
#include <iterator>
#include <string>

#include "builder/ask/options.h"
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

TEST_CASE("man pages: mkcapture(8) has every subcommand, and the options of each") {
  const std::string text = page("mkcapture.8");
  for (const auto& command : mkcapture::subcommands()) {
    const auto at = text.find(".It Cm " + std::string(command.name) + "\n");
    const auto with_options = text.find(".It Cm " + std::string(command.name) + " Op ");
    CHECK_MESSAGE((at != std::string::npos || with_options != std::string::npos), command.name);
  }
  for (const auto& option : mkcapture::subcommand_options())
    CHECK_MESSAGE(text.find("Fl Fl " + std::string(option.option.substr(2))) != std::string::npos,
                  option.option);
}

TEST_CASE("man pages: mkcapture(8) has every finding of status") {
  const std::string text = page("mkcapture.8");
  std::ifstream in(mkcapture::fakes::source_path("builder/service/status.cc"));
  const std::string source{std::istreambuf_iterator<char>(in), {}};
  std::size_t codes = 0;
  for (const char* call : {"problem(\"", "warn(\"", "{\""})
    for (std::size_t at = 0; (at = source.find(call, at)) != std::string::npos; ++codes) {
      at += std::string(call).size();
      const std::string code = source.substr(at, source.find('"', at) - at);
      if (call[0] != '{' || code.find('_') != std::string::npos)
        CHECK_MESSAGE(text.find(".It Li " + code + "\n") != std::string::npos, code);
    }
  CHECK(codes > 10);
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
