#include "init/dump/kernel/log_writer.h"

#include <cinttypes>
#include <cstdio>

namespace mkcapture::dump {
namespace {

void append_escaped(std::string& out, std::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && c != '\t') || byte == 0x7f) {
      out += "\\x";
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    } else {
      out += c;
    }
  }
}

}  // namespace

Status LogWriter::record(std::uint64_t nanoseconds, std::string_view text) {
  char time[40];
  std::snprintf(time, sizeof time, "[%5" PRIu64 ".%06" PRIu64 "] ", nanoseconds / 1000000000,
                nanoseconds / 1000 % 1000000);
  if (text.ends_with('\n')) text.remove_suffix(1);
  for (;;) {
    const auto end = text.find('\n');
    buffer_ += time;
    append_escaped(buffer_, text.substr(0, end));
    buffer_ += '\n';
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  if (buffer_.size() < kBufferBytes) return {};
  const auto written = flush();
  return written ? Status() : Status(written.error());
}

Result<std::uint64_t> LogWriter::flush() {
  if (!buffer_.empty()) {
    TRY(output_->write_at(written_, std::as_bytes(std::span(buffer_))));
    written_ += buffer_.size();
    buffer_.clear();
  }
  return written_;
}

}  // namespace mkcapture::dump
