// The man pages say all that there is, and nothing that is not.
#include <doctest/doctest.h>

#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <string>

#include "builder/ask/options.h"
#include "init/contract/capture_config.h"
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

TEST_CASE("man pages: the capture. parameters that man page and README name are taken, and work") {
  const std::map<std::string, std::string> samples = {
      {"target", "=raw:/dev/vdb"},
      {"ip", "=dhcp"},
      {"deadline", "=7min"},
      {"wait", "=7s"},
      {"stall", "=7s"},
      {"final", "=halt"},
      {"on_failure", "=poweroff"},
      {"shell", ""},
      {"debug", ""},
  };
  for (const auto& [text, mark] :
       {std::pair{page("mkcapture.8"), ".Li capture."}, {page("../../README.md"), "`capture."}}) {
    std::set<std::string> named;
    for (std::size_t at = 0; (at = text.find(mark, at)) != std::string::npos;) {
      at += std::string(mark).size();
      named.insert(text.substr(at, text.find_first_not_of("abcdefghijklmnopqrstuvwxyz_", at) - at));
    }
    for (const auto& [name, value] : samples)
      CHECK_MESSAGE(named.contains(name), name);
    for (const auto& name : named) {
      CAPTURE(name);
      REQUIRE(samples.contains(name));
      mkcapture::CaptureConfig config;
      config.shell_allowed = true;
      const std::string before = format_config(config);
      std::vector<std::string> complaints;
      apply_cmdline("quiet capture." + name + samples.at(name), config, complaints);
      CHECK(complaints.empty());
      CHECK(format_config(config) != before);
    }
  }
}
