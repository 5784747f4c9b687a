#include "init/savecore/options.h"

#include <charconv>
#include <string_view>
#include <vector>

namespace mkcapture::savecore {

const char* const kSavecoreHelp =
    R"(usage: savecore [-d LEVEL] [-f kdump|elf|flat] [-c CODEC[:N]] [-j THREADS] [-e] INPUT OUTPUT
       savecore --dmesg INPUT [OUTPUT]
       savecore --check [--line] [-d LEVEL] [INPUT]

Writes the memory of a crashed machine (INPUT: /proc/vmcore or an ELF core) to OUTPUT, a file, a
block device, or - for standard output (only with -f flat). A file is OUTPUT.incomplete until the
dump is whole.

  -d LEVEL    what to leave out, a sum: 1 zero pages, 2 page cache, 4 private page cache, 8 user
              memory, 16 free pages (default 31)
  -f FORMAT   kdump, elf or flat, which is kdump for a pipe (default kdump)
  -c CODEC    none, zlib[:1-9], lzo, snappy or zstd[:1-19] (default zstd; elf has no compression)
  -j THREADS  how many pages are compressed at once; 0: one for each processor (default 1)
  -e          leave out the page descriptors of left-out pages, too
  --dmesg     write only the crashed kernel's log
  --check     say which level can be had and how much memory remains at it, and write nothing;
              without INPUT of /proc/vmcore, or of the running kernel where there is none, whose
              every page is then compared with what it says itself (/proc/kpageflags); failed where
              more than one of 1000 differs
  --line      with --check of the running kernel: what was compared in one line for a program,
              RELEASE BUILD-ID LEVEL and PAGES/DIFFER of kernel, cache, user, free, unreadable
  --help, --version

Exit status: 0 whole, 1 failed, 2 usage, 3 incomplete but readable.
)";

namespace {

bool parse_count(std::string_view text, int low, int high, int& value) {
  int n = 0;
  const char* const begin = text.data();
  const char* const end = begin + text.size();
  const auto parsed = std::from_chars(begin, end, n);
  if (parsed.ec != std::errc{} || parsed.ptr != end || n < low || n > high) return false;
  value = n;
  return true;
}

bool parse_format(std::string_view text, dump::DumpOptions& dump) {
  const auto format = parse_dump_format(text);
  if (format) dump.choice.format = *format;
  return format.has_value();
}

bool parse_codec(std::string_view text, dump::DumpOptions& dump) {
  const std::size_t colon = text.find(':');
  const auto codec = parse_dump_codec(text.substr(0, colon));
  if (!codec) return false;
  const int highest = *codec == DumpCodec::kZlib ? 9 : *codec == DumpCodec::kZstd ? 19 : 0;
  dump.choice.codec = *codec;
  dump.codec_level = 0;
  return colon == text.npos || parse_count(text.substr(colon + 1), 1, highest, dump.codec_level);
}

bool parse_value(char option, std::string_view value, dump::DumpOptions& dump) {
  switch (option) {
    case 'd':
      return parse_count(value, 0, 31, dump.choice.level);
    case 'j':
      return parse_count(value, 0, 1024, dump.threads);
    case 'f':
      return parse_format(value, dump);
    default:
      return parse_codec(value, dump);
  }
}

Error usage(std::string_view argument, const char* what) {
  return fail(std::string(argument) + ": " + what);
}

/// INPUT and OUTPUT, as far as the action takes them.
Status take_files(const std::vector<std::string_view>& files, SavecoreOptions& o) {
  using Action = SavecoreOptions::Action;
  const bool check = o.action == Action::kCheck;
  if (files.empty() && !check) return fail("INPUT is missing");
  if (files.size() < 2 && o.action == Action::kDump) return fail("OUTPUT is missing");
  if (o.line && (!check || !files.empty()))
    return fail("--line: only with --check of the running kernel");
  if (files.size() > (check ? 1 : 2)) return usage(files.back(), "one argument too many");
  if (!files.empty()) o.input = files[0];
  o.output = files.size() > 1 ? files[1] : "-";
  if (o.action == Action::kDump && o.output == "-" && o.dump.choice.format != DumpFormat::kFlat)
    return fail("standard output takes only -f flat");
  return {};
}

}  // namespace

Result<SavecoreOptions> parse_savecore_options(std::span<char* const> arguments) {
  using Action = SavecoreOptions::Action;
  SavecoreOptions o;
  bool codec_given = false, only_files = false;
  std::vector<std::string_view> files;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view arg = arguments[i];
    if (only_files || arg == "-" || !arg.starts_with('-')) {
      files.push_back(arg);
    } else if (arg == "--") {
      only_files = true;
    } else if (arg == "--help" || arg == "-h") {
      o.action = Action::kHelp;
      return o;
    } else if (arg == "--version") {
      o.action = Action::kVersion;
      return o;
    } else if (arg == "--dmesg" || arg == "--check") {
      if (o.action != Action::kDump) return usage(arg, "another action was asked for before");
      o.action = arg == "--dmesg" ? Action::kDmesg : Action::kCheck;
    } else if (arg == "--line") {
      o.line = true;
    } else if (arg == "-e") {
      o.dump.leave_out_descriptors = true;
    } else if (std::string_view("dfcj").find(arg[1]) != arg.npos) {
      std::string_view value = arg.substr(2);
      if (value.empty()) {
        if (i + 1 == arguments.size()) return usage(arg, "needs a value");
        value = arguments[++i];
      }
      if (!parse_value(arg[1], value, o.dump))
        return fail(std::string(arg.substr(0, 2)) + ": not possible: " + std::string(value));
      codec_given = codec_given || arg[1] == 'c';
    } else {
      return usage(arg, "unknown option");
    }
  }
  if (o.dump.choice.format == DumpFormat::kElf && !codec_given)
    o.dump.choice.codec = DumpCodec::kNone;
  TRY(take_files(files, o));
  return o;
}

}  // namespace mkcapture::savecore
