// savecore: the dump engine as a command, for any rescue system.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "dump/dump.h"
#include "dump/pages.h"

namespace capture {
namespace {

constexpr int kWhole = 0;
constexpr int kFailed = 1;
constexpr int kUsage = 2;
constexpr int kIncomplete = 3;

constexpr const char* kHelp =
    R"(usage: savecore [-d LEVEL] [-f kdump|elf|flat] [-c CODEC[:N]] [-j THREADS] INPUT OUTPUT
       savecore --dmesg INPUT [OUTPUT]
       savecore --check [-d LEVEL] INPUT

Writes the memory of a crashed machine (INPUT: /proc/vmcore or an ELF core) to OUTPUT, a file, a
block device, or - for standard output (only with -f flat). A file is OUTPUT.incomplete until the
dump is whole.

  -d LEVEL    what to leave out, a sum: 1 zero pages, 2 page cache, 4 private page cache, 8 user
              memory, 16 free pages (default 31)
  -f FORMAT   kdump, elf or flat, which is kdump for a pipe (default kdump)
  -c CODEC    none, zlib, lzo, snappy or zstd, with a level where it has some (default zstd; elf
              has no compression)
  -j THREADS  how many pages are compressed at once; 0: one for each processor (default 1)
  --dmesg     write only the crashed kernel's log
  --check     say which level can be had from INPUT, and write nothing
  --help, --version

Exit status: 0 whole, 1 failed, 2 usage, 3 incomplete but readable.
)";

struct Arguments {
  DumpOptions options{.level = 31, .format = DumpFormat::kKdump, .codec = DumpCodec::kZstd};
  bool codec_given = false;
  bool dmesg = false;
  bool check = false;
  std::vector<std::string> files;
};

int complain(std::string_view text) {
  std::fprintf(stderr, "savecore: %.*s\n", static_cast<int>(text.size()), text.data());
  return kFailed;
}

bool parse_count(std::string_view text, int low, int high, int& value) {
  if (text.empty() || text.size() > 4) return false;
  int n = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return false;
    n = n * 10 + (c - '0');
  }
  value = n;
  return n >= low && n <= high;
}

bool parse_format(std::string_view text, DumpOptions& options) {
  if (text == "kdump")
    options.format = DumpFormat::kKdump;
  else if (text == "elf")
    options.format = DumpFormat::kElf;
  else if (text == "flat")
    options.format = DumpFormat::kFlat;
  else
    return false;
  return true;
}

bool parse_codec(std::string_view text, DumpOptions& options) {
  const std::size_t colon = text.find(':');
  const std::string_view name = text.substr(0, colon);
  int highest = 0;  // level
  if (name == "none")
    options.codec = DumpCodec::kNone;
  else if (name == "lzo")
    options.codec = DumpCodec::kLzo;
  else if (name == "snappy")
    options.codec = DumpCodec::kSnappy;
  else if (name == "zlib")
    options.codec = DumpCodec::kZlib, highest = 9;
  else if (name == "zstd")
    options.codec = DumpCodec::kZstd, highest = 19;
  else
    return false;
  options.codec_level = 0;
  return colon == text.npos || parse_count(text.substr(colon + 1), 1, highest, options.codec_level);
}

/// Exit status, or -1 to go on.
int parse_arguments(int argc, char** argv, Arguments& a) {
  const auto usage = [](const std::string& what) {
    complain(what + " (see savecore --help)");
    return kUsage;
  };
  bool only_files = false;
  for (int i = 1; i < argc; ++i) {
    const std::string_view arg = argv[i];
    if (only_files || arg == "-" || arg.substr(0, 1) != "-") {
      a.files.emplace_back(arg);
    } else if (arg == "--") {
      only_files = true;
    } else if (arg == "--help" || arg == "-h") {
      std::fputs(kHelp, stdout);
      return kWhole;
    } else if (arg == "--version") {
      std::puts("savecore " MKCAPTURE_VERSION);
      return kWhole;
    } else if (arg == "--dmesg") {
      a.dmesg = true;
    } else if (arg == "--check") {
      a.check = true;
    } else if (const char option = arg[1];
               arg.size() >= 2 && std::string_view("dfcj").find(option) != arg.npos) {
      std::string_view value = arg.substr(2);
      if (value.empty()) {
        if (i + 1 == argc) return usage(std::string(arg) + ": needs a value");
        value = argv[++i];
      }
      const bool ok = option == 'd'   ? parse_count(value, 0, 31, a.options.level)
                      : option == 'j' ? parse_count(value, 0, 1024, a.options.threads)
                      : option == 'f' ? parse_format(value, a.options)
                                      : parse_codec(value, a.options);
      a.codec_given = a.codec_given || option == 'c';
      if (!ok) return usage(std::string("-") + option + ": not possible: " + std::string(value));
    } else {
      return usage("unknown option " + std::string(arg));
    }
  }
  if (a.options.format == DumpFormat::kElf && !a.codec_given) a.options.codec = DumpCodec::kNone;
  if (a.dmesg && a.check) return usage("--dmesg and --check exclude each other");
  const std::size_t most = a.check ? 1 : 2;
  const std::size_t least = a.check || a.dmesg ? 1 : 2;
  if (a.files.size() < least) return usage(least == 1 ? "needs INPUT" : "needs INPUT and OUTPUT");
  if (a.files.size() > most) return usage("too many arguments");
  if (!a.check && !a.dmesg && a.files[1] == "-" && a.options.format != DumpFormat::kFlat) {
    return usage("standard output takes only -f flat");
  }
  return -1;
}

/// One line on a terminal, redrawn; nothing elsewhere.
class TerminalProgress final : public DumpProgress {
 public:
  TerminalProgress() : on_(isatty(STDERR_FILENO) == 1) {}
  ~TerminalProgress() override { clear(); }
  void update(std::uint64_t done, std::uint64_t total, std::uint64_t bytes) override {
    if (!on_) return;
    const double percent =
        total > 0 ? 100.0 * static_cast<double>(done) / static_cast<double>(total) : 0;
    std::fprintf(stderr, "\r%5.1f%%  %.1f MB written ", percent, static_cast<double>(bytes) / 1e6);
    drawn_ = true;
  }
  void clear() {
    if (drawn_) std::fputs("\r\033[K", stderr);
    drawn_ = false;
  }

 private:
  bool on_;
  bool drawn_ = false;
};

/// Where the bytes go: a file under its working name, a block device or standard output.
struct Destination {
  std::unique_ptr<Output> output;
  std::string working_name;  // to be renamed to the final one; empty where there is nothing to
};

Result<Destination> open_destination(const std::string& name) {
  if (name == "-") return Destination{stream_output(dup(STDOUT_FILENO), 0), {}};
  struct stat st {};
  const bool device = stat(name.c_str(), &st) == 0 && S_ISBLK(st.st_mode);
  const bool special = !device && stat(name.c_str(), &st) == 0 && !S_ISREG(st.st_mode);
  const std::string path = device || special ? name : name + ".incomplete";
  const int create = device || special ? 0 : O_CREAT | O_TRUNC;
  const int fd = open(path.c_str(), O_RDWR | O_CLOEXEC | create, 0600);
  if (fd < 0) return sys_error(path, errno);
  if (special) return Destination{stream_output(fd, 0), {}};
  auto output = file_output(fd, !device);
  if (!output) return std::move(output).error().within(path);
  return Destination{std::move(*output), device ? std::string() : path};
}

/// Renames to the final name and makes that durable.
Status settle(const Destination& destination, const std::string& name) {
  if (destination.working_name.empty()) return {};
  if (rename(destination.working_name.c_str(), name.c_str()) != 0) return sys_error(name, errno);
  const std::size_t slash = name.rfind('/');
  const std::string dir = slash == name.npos ? "." : name.substr(0, slash + 1);
  const int fd = open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return sys_error(dir, errno);
  const int rc = fsync(fd);
  const int code = errno;
  close(fd);
  if (rc != 0 && code != EINVAL) return sys_error(dir, code);
  return {};
}

int save_dmesg(Vmcore& vmcore, const std::string& name) {
  auto destination = open_destination(name);
  if (!destination) return complain(destination.error().message);
  auto bytes = vmcore.write_dmesg(*destination->output);
  if (!bytes) return complain(bytes.error().message);
  if (auto s = destination->output->finish(*bytes); !s) return complain(s.error().message);
  if (auto s = settle(*destination, name); !s) return complain(s.error().message);
  return kWhole;
}

int check(Vmcore& vmcore, int level) {
  auto filter = static_cast<VmcoreSource&>(vmcore).filter(level);
  if (!filter) return complain(filter.error().message);
  const int reached = ((*filter)->level() & ~1) | (level & 1);
  const std::string release = vmcore.os_release();
  std::printf("kernel %s: level %d\n", release.empty() ? "unknown" : release.c_str(), reached);
  if (!(*filter)->note().empty()) std::printf("%s\n", (*filter)->note().c_str());
  return reached == level ? kWhole : kFailed;
}

int save_dump(Vmcore& vmcore, const DumpOptions& options, const std::string& name) {
  auto destination = open_destination(name);
  if (!destination) return complain(destination.error().message);
  TerminalProgress progress;
  auto report = write_dump(vmcore, *destination->output, options, progress);
  progress.clear();
  if (!report) {
    if (!destination->working_name.empty()) unlink(destination->working_name.c_str());
    return complain(report.error().message);
  }
  if (!report->note.empty()) {
    complain("level " + std::to_string(report->level_reached) + ": " + report->note);
  }
  if (report->pages_unreadable > 0) {
    complain(std::to_string(report->pages_unreadable) + " pages could not be read");
  }
  if (!report->incomplete.empty()) {
    complain("incomplete: " + report->incomplete);
    return kIncomplete;
  }
  if (auto s = settle(*destination, name); !s) return complain(s.error().message);
  return kWhole;
}

int run(int argc, char** argv) {
  Arguments a;
  if (const int status = parse_arguments(argc, argv, a); status >= 0) return status;
  std::signal(SIGPIPE, SIG_IGN);

  auto vmcore = open_vmcore(a.files[0]);
  if (!vmcore) return complain(vmcore.error().message);
  if (a.check) return check(**vmcore, a.options.level);
  if (a.dmesg) return save_dmesg(**vmcore, a.files.size() > 1 ? a.files[1] : "-");
  return save_dump(**vmcore, a.options, a.files[1]);
}

}  // namespace
}  // namespace capture

int main(int argc, char** argv) {
  return capture::run(argc, argv);
}
