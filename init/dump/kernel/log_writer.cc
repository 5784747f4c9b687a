#include "init/dump/kernel/log_writer.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>

namespace mkcapture::dump {
namespace {

void append_hex(std::string& out, unsigned char byte) {
  static constexpr char kHex[] = "0123456789abcdef";
  out += "\\x";
  out += kHex[byte >> 4];
  out += kHex[byte & 15];
}

/// Bytes of the UTF-8 sequence that begins with `lead`; 1 for what begins none.
std::size_t sequence_length(unsigned char lead) {
  if (lead < 0xc2 || lead > 0xf4) return 1;
  return lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

/// The control characters of C0, DEL, and C1 as UTF-8 has them (U+0080 to U+009F, where terminals
/// see the beginning of a command as well) or as single bytes.
void append_escaped(std::string& out, std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte < 0x80) {
      if ((byte < 0x20 && byte != '\t') || byte == 0x7f)
        append_hex(out, byte);
      else
        out += text[i];
      ++i;
      continue;
    }
    const std::size_t length = std::min(sequence_length(byte), text.size() - i);
    std::size_t n = 1;
    while (n < length && (static_cast<unsigned char>(text[i + n]) & 0xc0) == 0x80)
      ++n;
    const bool whole = n > 1 && n == sequence_length(byte);
    const bool control = byte == 0xc2 && n == 2 && static_cast<unsigned char>(text[i + 1]) < 0xa0;
    for (std::size_t k = 0; k < n; ++k) {
      if (whole && !control)
        out += text[i + k];
      else
        append_hex(out, static_cast<unsigned char>(text[i + k]));
    }
    i += n;
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
