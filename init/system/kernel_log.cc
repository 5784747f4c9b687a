#include "init/system/kernel_log.h"

#include <fcntl.h>

#include <cerrno>
#include <cstdio>

#include "init/base/text.h"
#include "init/base/units.h"
#include "init/system/system.h"

namespace mkcapture::init {
namespace {

// KERN_ERR: the lowest level that "quiet" (loglevel=4) still shows on the console.
constexpr std::string_view kLevel = "<3>";
constexpr std::uint64_t kLowestConsoleLevel = 4;
constexpr std::size_t kMaxLine = 900;     // the kernel refuses lines of 1024 bytes and more
constexpr std::size_t kMaxRecord = 8192;  // of /dev/kmsg: CONSOLE_EXT_LOG_MAX, printk.c

/// As it goes into the log.
std::string log_text(std::string_view line) {
  std::string text = "capture: ";
  for (const char c : line.substr(0, kMaxLine))
    text += is_control(c) ? '?' : c;
  return text;
}

}  // namespace

void KernelLog::write(std::string_view line) {
  if (!fd_.valid()) {
    fd_ = UniqueFd(open("/dev/kmsg", O_WRONLY | O_CLOEXEC));
    is_kmsg_ = fd_.valid();
    if (!is_kmsg_) fd_ = UniqueFd(open("/dev/console", O_WRONLY | O_NOCTTY | O_CLOEXEC));
    if (!fd_.valid()) return;
  }
  const std::string text = std::string(is_kmsg_ ? kLevel : "") + log_text(line) + "\n";
  (void)!::write(fd_.get(), text.data(), text.size());  // in one call: one record
}

std::string format_kmsg_record(std::string_view record) {
  const auto semicolon = record.find(';');
  if (semicolon == std::string_view::npos) return {};
  const auto fields = split(record.substr(0, semicolon), ',');
  if (fields.size() < 3) return {};
  const auto microseconds = parse_number(fields[2]);
  if (!microseconds) return {};
  record.remove_prefix(semicolon + 1);
  char stamp[48];
  std::snprintf(stamp, sizeof stamp, "[%5llu.%06llu] ",
                static_cast<unsigned long long>(*microseconds / 1'000'000),
                static_cast<unsigned long long>(*microseconds % 1'000'000));
  return stamp + std::string(record.substr(0, record.find('\n'))) + "\n";
}

std::string kmsg_text(std::string_view line) {
  std::string text;
  for (const char c : log_text(line)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= ' ' && byte < 0x7f && c != '\\') {
      text += c;
      continue;
    }
    char escape[8];
    std::snprintf(escape, sizeof escape, "\\x%02x", byte);
    text += escape;
  }
  return text;
}

bool kernel_log_has(std::string_view line) {
  const UniqueFd log(open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  const std::string end = ";" + kmsg_text(line) + "\n";
  char record[kMaxRecord];
  for (;;) {
    const ssize_t n = log.valid() ? read(log.get(), record, sizeof record) : 0;
    if (n < 0 && (errno == EINTR || errno == EPIPE)) continue;
    if (n <= 0) return false;
    if (std::string_view(record, static_cast<std::size_t>(n)).find(end) != std::string_view::npos)
      return true;
  }
}

Status copy_kernel_log(Output& output) {
  const UniqueFd log(open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (!log.valid()) return sys_error("/dev/kmsg", errno);
  std::uint64_t written = 0;
  std::string pending;
  const auto flush = [&]() -> Status {
    TRY(output.write_at(written, std::as_bytes(std::span(pending))));
    written += pending.size();
    pending.clear();
    return {};
  };
  char record[kMaxRecord];
  for (;;) {
    const ssize_t n = read(log.get(), record, sizeof record);
    if (n < 0 && (errno == EINTR || errno == EPIPE))
      continue;         // EPIPE: older records were overwritten
    if (n <= 0) break;  // EAGAIN: that was the last one
    pending += format_kmsg_record({record, static_cast<std::size_t>(n)});
    if (pending.size() >= sizeof record) TRY(flush());
  }
  TRY(flush());
  return output.finish(written);
}

void open_kernel_log_for_us(System& system) {
  (void)system.write_file("/proc/sys/kernel/printk_devkmsg", "on\n");
  const auto levels = system.read_file("/proc/sys/kernel/printk", 256);
  if (!levels) return;
  const auto console_level = parse_number(levels->substr(0, levels->find_first_of(" \t\n")));
  if (console_level && *console_level < kLowestConsoleLevel) {
    (void)system.write_file("/proc/sys/kernel/printk", std::to_string(kLowestConsoleLevel));
  }
}

}  // namespace mkcapture::init
