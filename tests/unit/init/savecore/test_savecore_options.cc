#include <doctest/doctest.h>

#include <vector>

#include "init/savecore/options.h"

namespace mkcapture {
namespace {

using namespace savecore;

using Action = SavecoreOptions::Action;

Result<SavecoreOptions> parse(std::vector<std::string> words) {
  std::vector<char*> arguments;
  for (std::string& word : words)
    arguments.push_back(word.data());
  return parse_savecore_options(arguments);
}

std::string refused(std::vector<std::string> words) {
  const auto options = parse(std::move(words));
  REQUIRE_FALSE(options.ok());
  return options.error().message;
}

TEST_CASE("savecore: level 31, kdump and zstd where nothing is said") {
  const auto o = parse({"/proc/vmcore", "out"});
  REQUIRE(o.ok());
  CHECK(o->action == Action::kDump);
  CHECK(o->input == "/proc/vmcore");
  CHECK(o->output == "out");
  CHECK(o->dump.choice.level == 31);
  CHECK(o->dump.choice.format == DumpFormat::kKdump);
  CHECK(o->dump.choice.codec == DumpCodec::kZstd);
  CHECK(o->dump.codec_level == 0);
  CHECK(o->dump.threads == 1);
  CHECK_FALSE(o->dump.leave_out_descriptors);
}

TEST_CASE("savecore: each option, with its value apart and together, before and behind the files") {
  for (const auto& words :
       {std::vector<std::string>{"-d", "17", "-f", "kdump", "-c", "zlib:9", "-j", "4", "-e", "in",
                                 "out"},
        std::vector<std::string>{"in", "-d17", "-fkdump", "-czlib:9", "out", "-j4", "-e"}}) {
    const auto o = parse(words);
    REQUIRE(o.ok());
    CHECK(o->dump.choice.level == 17);
    CHECK(o->dump.choice.format == DumpFormat::kKdump);
    CHECK(o->dump.choice.codec == DumpCodec::kZlib);
    CHECK(o->dump.codec_level == 9);
    CHECK(o->dump.threads == 4);
    CHECK(o->dump.leave_out_descriptors);
    CHECK(o->input == "in");
    CHECK(o->output == "out");
  }
}

TEST_CASE(
    "savecore: an ELF core is not compressed unless that is asked for, and then refused later") {
  CHECK(parse({"-f", "elf", "in", "out"})->dump.choice.codec == DumpCodec::kNone);
  CHECK(parse({"-f", "elf", "-c", "zstd", "in", "out"})->dump.choice.codec == DumpCodec::kZstd);
}

TEST_CASE("savecore: codecs and their levels") {
  const auto codec = [](const char* text) { return parse({"-c", text, "in", "out"}); };
  CHECK(codec("none")->dump.choice.codec == DumpCodec::kNone);
  CHECK(codec("lzo")->dump.choice.codec == DumpCodec::kLzo);
  CHECK(codec("snappy")->dump.choice.codec == DumpCodec::kSnappy);
  CHECK(codec("zstd:19")->dump.codec_level == 19);
  for (const char* bad : {"zstd:0", "zstd:20", "zstd:", "zlib:10", "lzo:1", "none:1", "lz4", "",
                          "zstd:1x", "zstd:-1", "zstd:99999999999"}) {
    CAPTURE(bad);
    CHECK(refused({"-c", bad, "in", "out"}) == std::string("-c: not possible: ") + bad);
  }
}

TEST_CASE("savecore: what cannot be is named") {
  CHECK(refused({"-d", "32", "in", "out"}) == "-d: not possible: 32");
  CHECK(refused({"-d", "-1", "in", "out"}) == "-d: not possible: -1");
  CHECK(refused({"-d", "0x1f", "in", "out"}) == "-d: not possible: 0x1f");
  CHECK(refused({"-j", "1025", "in", "out"}) == "-j: not possible: 1025");
  CHECK(refused({"-f", "tar", "in", "out"}) == "-f: not possible: tar");
  CHECK(refused({"in", "out", "-d"}) == "-d: needs a value");
  CHECK(refused({"-x", "in", "out"}) == "-x: unknown option");
  CHECK(refused({"--level", "in", "out"}) == "--level: unknown option");
  CHECK(refused({}) == "INPUT is missing");
  CHECK(refused({"in"}) == "OUTPUT is missing");
  CHECK(refused({"--dmesg"}) == "INPUT is missing");
  CHECK(refused({"in", "out", "more"}) == "more: one argument too many");
  CHECK(refused({"--check", "in", "out"}) == "out: one argument too many");
  CHECK(refused({"--check", "--dmesg", "in"}) == "--dmesg: another action was asked for before");
  CHECK(refused({"in", "-"}) == "standard output takes only -f flat");
}

TEST_CASE("savecore: the other actions") {
  CHECK(parse({"--help"})->action == Action::kHelp);
  CHECK(parse({"-h"})->action == Action::kHelp);
  CHECK(parse({"--version"})->action == Action::kVersion);
  const auto check = parse({"--check", "-d", "17"});
  REQUIRE(check.ok());
  CHECK(check->action == Action::kCheck);
  CHECK(check->input.empty());
  CHECK(check->dump.choice.level == 17);
  CHECK(parse({"--check", "in"})->input == "in");
  const auto dmesg = parse({"--dmesg", "in"});
  REQUIRE(dmesg.ok());
  CHECK(dmesg->action == Action::kDmesg);
  CHECK(dmesg->output == "-");
  CHECK(parse({"--dmesg", "in", "log"})->output == "log");
  CHECK(parse({"-f", "flat", "in", "-"})->output == "-");
  CHECK(parse({"--", "-d", "-e"})->input == "-d");
}

}  // namespace
}  // namespace mkcapture
