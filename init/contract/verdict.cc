#include "init/contract/verdict.h"

#include <algorithm>
#include <cstdio>

#include "init/base/text.h"

namespace mkcapture {
namespace {

constexpr std::size_t kMaxLine = 880;  // System::log() cuts a little later
constexpr std::size_t kMinReason = 200;

/// Text for between quotes.
void append_harmless(std::string& line, std::string_view text) {
  const std::size_t room = std::max(kMaxLine - std::min(line.size(), kMaxLine), kMinReason);
  for (const char c : text.substr(0, room)) {
    line += c == '"' ? '\'' : is_control(c) ? ' ' : c;
  }
}

/// A label may have blanks: in double quotes then, so that the fields can be told apart.
std::string field(const TargetSpec& target) {
  std::string text = to_string(target);
  if (text.find_first_of(" \"") == std::string::npos) return text;
  std::replace(text.begin(), text.end(), '"', '\'');
  return '"' + text + '"';
}

}  // namespace

std::string saved_line(const TargetSpec& target, std::uint64_t bytes, Milliseconds took,
                       std::string_view path, std::string_view note) {
  char numbers[80];
  std::snprintf(numbers, sizeof numbers,
                " bytes=%llu seconds=%lld.%03lld path=", static_cast<unsigned long long>(bytes),
                static_cast<long long>(took.count() / 1000),
                static_cast<long long>(took.count() % 1000));
  std::string line = "saved target=" + field(target) + numbers + std::string(path);
  if (note.empty()) return line;
  line += " note=\"";
  append_harmless(line, note);
  return line + "\"";
}

std::string failed_line(const TargetSpec& target, Step step, std::string_view reason) {
  std::string line = "failed target=" + field(target) + " step=" + to_string(step) + " reason=\"";
  append_harmless(line, reason);
  return line + "\"";
}

std::string not_yet_line(std::string_view failed) {
  (void)consume(failed, "failed");
  return "not yet" + std::string(failed);
}

std::string done_line(bool saved, FinalAction action) {
  return "done status=" + std::string(saved ? "saved" : "failed") +
         " action=" + std::string(to_string(action));
}

}  // namespace mkcapture
