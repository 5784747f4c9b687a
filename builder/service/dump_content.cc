#include "builder/service/dump_content.h"

#include <algorithm>

#include "builder/host/device_drivers.h"
#include "init/base/text.h"

namespace mkcapture {

namespace {

constexpr std::size_t kMaxLog = 4 << 20;
constexpr std::size_t kMaxStart = 64 << 10;  // VMCOREINFO is within the first pages
constexpr std::size_t kMaxWords = 200;
constexpr std::string_view kPanic = "Kernel panic - not syncing: ";
// How kernels begin to tell of an oops (arch/*/kernel/traps.c, mm/fault.c, kernel/watchdog.c).
constexpr std::string_view kOops[] = {"BUG: ",
                                      "Unable to handle kernel",
                                      "Internal error: ",
                                      "general protection fault",
                                      "Oops: ",
                                      "divide error: ",
                                      "invalid opcode: ",
                                      "stack segment: ",
                                      "kernel BUG at",
                                      "watchdog: BUG: ",
                                      "Kernel access of bad area"};

// "[   12.345678] text", "[   12.345678][    T1] text": what is behind the stamps.
std::string_view without_stamp(std::string_view line) {
  while (line.starts_with('[') || line.starts_with('<')) {
    const auto close = line.find(line[0] == '[' ? ']' : '>');
    if (close == std::string_view::npos) break;
    line = trim(line.substr(close + 1));
  }
  return line;
}

std::string shown(std::string_view line) {
  std::string words;
  for (const char c : line.substr(0, kMaxWords))
    words += is_control(c) ? ' ' : c;
  return words;
}

// A release is what can be a part of a path and a package's name.
std::string release_at(std::string_view text) {
  const auto end = std::find_if_not(text.begin(), text.end(), [](char c) {
    return is_alnum(c) || c == '.' || c == '-' || c == '_' || c == '+' || c == '~';
  });
  return std::string(
      text.substr(0, std::min<std::size_t>(static_cast<std::size_t>(end - text.begin()), 64)));
}

std::string release_after(std::string_view text, std::string_view key) {
  const auto at = text.find(key);
  return at == std::string_view::npos ? "" : release_at(text.substr(at + key.size()));
}

}  // namespace

std::string panic_line(std::string_view log) {
  std::string_view panic, oops;
  for (const auto raw : split(log, '\n')) {
    const auto line = without_stamp(trim(raw));
    if (line.starts_with(kPanic)) panic = line;
    const bool begins = std::any_of(std::begin(kOops), std::end(kOops),
                                    [&](std::string_view word) { return line.starts_with(word); });
    if (begins && oops.empty() && panic.empty()) oops = line;
  }
  const std::string_view why = panic.substr(std::min(panic.size(), kPanic.size()));
  if (panic.empty() || (why.starts_with("Fatal exception") && !oops.empty())) return shown(oops);
  return shown(panic);
}

std::string release_in_dump(std::string_view start) {
  constexpr std::string_view kSignature = "KDUMP   ";
  constexpr std::size_t kName = 65, kRelease = 8 + 4 + 2 * kName;
  if (start.starts_with(kSignature) && start.size() > kRelease + kName)
    return release_at(start.substr(kRelease, kName));
  return release_after(start, "OSRELEASE=");
}

std::string release_in_log(std::string_view log) {
  return release_after(log, "Linux version ");
}

std::string debug_package(std::string_view os_release, const std::string& release) {
  if (release.empty()) return "";
  std::string ids;
  for (auto line : split(os_release, '\n'))
    if (consume(line, "ID=") || consume(line, "ID_LIKE=")) {
      for (const char c : line)
        ids += c == '"' ? ' ' : c;
      ids += ' ';
    }
  const auto is = [&](std::string_view id) {
    const auto words = split(ids, ' ');
    return std::find(words.begin(), words.end(), id) != words.end();
  };
  if (is("ubuntu")) return "linux-image-" + release + "-dbgsym";
  if (is("debian")) return "linux-image-" + release + "-dbg";
  if (is("fedora") || is("rhel")) return "kernel-debuginfo-" + release;
  return "";
}

void read_dump_content(DumpEntry& dump, Host& host) {
  const auto log = host.read_start(dump.folder + "/vmcore-dmesg.txt", kMaxLog);
  const auto start =
      host.read_start(dump.folder + (dump.whole ? "/vmcore" : "/vmcore.incomplete"), kMaxStart);
  if (start) dump.kernel = release_in_dump(*start);
  if (log && dump.kernel.empty()) dump.kernel = release_in_log(*log);
  if (log) dump.panic = panic_line(*log);
  std::string os = fact(host, "/etc/os-release");
  if (os.empty()) os = fact(host, "/usr/lib/os-release");
  dump.debug_package = debug_package(os, dump.kernel);
}

}  // namespace mkcapture
