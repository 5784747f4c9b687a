#include "init/savecore/run.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cinttypes>
#include <memory>
#include <string>
#include <string_view>

#include "init/base/unique_fd.h"
#include "init/contract/filter_check.h"
#include "init/dump/dump.h"
#include "init/savecore/options.h"

namespace mkcapture::savecore {
namespace {

/// One line on a terminal, redrawn; nothing elsewhere.
class TerminalProgress final : public dump::DumpProgress {
 public:
  explicit TerminalProgress(std::FILE* err) : err_(err), on_(isatty(fileno(err)) == 1) {}
  ~TerminalProgress() override { clear(); }
  void update(std::uint64_t done, std::uint64_t total, std::uint64_t bytes) override {
    if (!on_) return;
    const double percent =
        total > 0 ? 100.0 * static_cast<double>(done) / static_cast<double>(total) : 0;
    std::fprintf(err_, "\r%5.1f%%  %.1f MB written ", percent, static_cast<double>(bytes) / 1e6);
    drawn_ = true;
  }
  void clear() {
    if (drawn_) std::fputs("\r\033[K", err_);
    drawn_ = false;
  }

 private:
  std::FILE* err_;
  bool on_;
  bool drawn_ = false;
};

constexpr const char* kRunningMemory = "/proc/kcore";

/// Eight bytes for each page frame.
class PageFlagsFile final : public dump::KernelPageFlags {
 public:
  static constexpr const char* kPath = "/proc/kpageflags";

  PageFlagsFile() : fd_(open(kPath, O_RDONLY | O_CLOEXEC)) {}
  [[nodiscard]] bool is_open() const { return fd_.valid(); }
  std::size_t read(std::uint64_t pfn, std::span<std::uint64_t> flags) override {
    const ssize_t n = pread(fd_.get(), flags.data(), flags.size_bytes(),
                            static_cast<off_t>(pfn * sizeof(std::uint64_t)));
    return n > 0 ? static_cast<std::size_t>(n) / sizeof(std::uint64_t) : 0;
  }

 private:
  UniqueFd fd_;
};

/// Where the bytes go: a file under its working name, a block device or standard output.
struct Destination {
  std::unique_ptr<Output> output;
  std::string working_name;  // to be renamed to the final one; empty where there is nothing to
};

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

class Savecore {
 public:
  Savecore(const SavecoreOptions& options, std::FILE* out, std::FILE* err)
      : options_(options), out_(out), err_(err) {}

  int run() {
    const std::string input = options_.input.empty() ? own_memory() : options_.input;
    auto vmcore = dump::open_vmcore(input);
    if (!vmcore) return complain(vmcore.error().message);
    switch (options_.action) {
      case SavecoreOptions::Action::kCheck:
        return check(**vmcore);
      case SavecoreOptions::Action::kDmesg:
        return save_dmesg(**vmcore);
      default:
        return save_dump(**vmcore);
    }
  }

 private:
  /// Before a crash the kernel shows its memory, with VMCOREINFO, in an ELF core as well.
  static std::string own_memory() {
    return access("/proc/vmcore", F_OK) == 0 ? "/proc/vmcore" : kRunningMemory;
  }

  int complain(const std::string& text) {
    std::fprintf(err_, "savecore: %s\n", text.c_str());
    return kFailed;
  }

  Result<Destination> open_destination() {
    const std::string& name = options_.output;
    if (name == "-") {
      const int fd = dup(fileno(out_));
      if (fd < 0) return sys_error("standard output", errno);
      return Destination{stream_output(fd, 0), {}};
    }
    struct stat st{};
    const bool exists = stat(name.c_str(), &st) == 0;
    const bool device = exists && S_ISBLK(st.st_mode);
    const bool special = exists && !device && !S_ISREG(st.st_mode);
    const std::string path = device || special ? name : name + ".incomplete";
    const int create = device || special ? 0 : O_CREAT | O_TRUNC;
    const int fd = open(path.c_str(), O_WRONLY | O_CLOEXEC | create, 0600);
    if (fd < 0) return sys_error(path, errno);
    if (special) return Destination{stream_output(fd, 0), {}};
    auto output = file_output(fd, !device);
    if (!output) return std::move(output).error().within(path);
    return Destination{std::move(*output), device ? std::string() : path};
  }

  int check(dump::Vmcore& vmcore) {
    const auto report = vmcore.check_level(options_.dump.choice.level);
    if (!report) return complain(report.error().message);
    const std::string release = vmcore.os_release();
    if (options_.line) return say_line(vmcore, report->level_reached);
    std::fprintf(out_, "kernel %s: level %d\n", release.empty() ? "unknown" : release.c_str(),
                 report->level_reached);
    if (!report->note.empty()) std::fprintf(out_, "%s\n", report->note.c_str());
    std::fprintf(out_, "%" PRIu64 " of %" PRIu64 " MB of memory remain\n",
                 report->bytes_kept / 1000000, report->bytes_total / 1000000);
    const bool reached = report->level_reached == options_.dump.choice.level;
    const bool running = options_.input.empty() && own_memory() == kRunningMemory;
    return (!running || compare_with_kernel()) && reached ? kWhole : kFailed;
  }

  /// Of the running kernel's own memory: page by page, what the kernel says itself.
  bool compare_with_kernel() {
    PageFlagsFile flags;
    if (!flags.is_open()) {
      std::fprintf(out_, "not compared: no %s\n", PageFlagsFile::kPath);
      return true;
    }
    const auto report = dump::compare_with_kernel(kRunningMemory, flags);
    if (!report) {
      complain(report.error().message);
      return false;
    }
    const FilterCheck found = counts_of(*report);
    std::fprintf(out_, "%" PRIu64 " pages compared with %s, %" PRIu64 " differ\n", found.pages(),
                 PageFlagsFile::kPath, found.differ());
    if (report->changing > 0)
      std::fprintf(out_, "  %" PRIu64 " not compared: they changed meanwhile\n", report->changing);
    for (std::size_t i = 0; i < found.classes.size(); ++i) {
      std::fprintf(out_, "  %-10s %10" PRIu64 ", %" PRIu64 " differ\n",
                   std::string(FilterCheck::kNames[i]).c_str(), found.classes[i].pages,
                   found.classes[i].differ);
    }
    // A running kernel is never quite the same twice.
    constexpr std::uint64_t kOneOf = 1000;
    return found.differ() <= found.pages() / kOneOf;
  }

  static FilterCheck counts_of(const dump::AgreementReport& report) {
    FilterCheck check;
    static_assert(std::tuple_size_v<decltype(report.classes)> ==
                  std::tuple_size_v<decltype(check.classes)>);
    for (std::size_t i = 0; i < check.classes.size(); ++i)
      check.classes[i] = {report.classes[i].pages, report.classes[i].differ};
    return check;
  }

  int say_line(dump::Vmcore& vmcore, int level) {
    if (own_memory() != kRunningMemory)
      return complain("--line: this is a capture kernel, not the one that crashes");
    PageFlagsFile flags;
    if (!flags.is_open()) return complain(std::string("no ") + PageFlagsFile::kPath);
    const auto report = dump::compare_with_kernel(kRunningMemory, flags);
    if (!report) return complain(report.error().message);
    FilterCheck check = counts_of(*report);
    check.release = vmcore.os_release();
    check.build_id = vmcore.build_id();
    check.level = level;
    std::fprintf(out_, "%s\n", to_string(check).c_str());
    return kWhole;
  }

  int save_dmesg(dump::Vmcore& vmcore) {
    auto destination = open_destination();
    if (!destination) return complain(destination.error().message);
    auto bytes = vmcore.write_dmesg(*destination->output);
    Status end = bytes ? destination->output->finish(*bytes) : Status(bytes.error());
    if (end) end = settle(*destination, options_.output);
    if (end) return kWhole;
    if (!bytes && !destination->working_name.empty()) unlink(destination->working_name.c_str());
    return complain(end.error().message);
  }

  int save_dump(dump::Vmcore& vmcore) {
    auto destination = open_destination();
    if (!destination) return complain(destination.error().message);
    TerminalProgress progress(err_);
    auto report = vmcore.write_dump(*destination->output, options_.dump, progress);
    progress.clear();
    if (!report) {
      if (!destination->working_name.empty()) unlink(destination->working_name.c_str());
      return complain(report.error().message);
    }
    if (!report->note.empty())
      complain("level " + std::to_string(report->level_reached) + ": " + report->note);
    if (report->pages_unreadable > 0)
      complain(std::to_string(report->pages_unreadable) + " pages could not be read");
    if (!report->incomplete.empty()) {
      complain("incomplete: " + report->incomplete);
      return kIncomplete;
    }
    if (auto s = settle(*destination, options_.output); !s) return complain(s.error().message);
    return kWhole;
  }

  const SavecoreOptions& options_;
  std::FILE* out_;
  std::FILE* err_;
};

}  // namespace

int run_savecore(std::span<char* const> arguments, std::FILE* out, std::FILE* err) {
  const auto options = parse_savecore_options(arguments);
  if (!options) {
    std::fprintf(err, "savecore: %s (see savecore --help)\n", options.error().message.c_str());
    return kUsage;
  }
  if (options->action == SavecoreOptions::Action::kHelp) {
    std::fputs(kSavecoreHelp, out);
    return kWhole;
  }
  if (options->action == SavecoreOptions::Action::kVersion) {
    std::fputs("savecore " MKCAPTURE_VERSION "\n", out);
    return kWhole;
  }
  return Savecore(*options, out, err).run();
}

}  // namespace mkcapture::savecore
