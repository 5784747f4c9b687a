#include "init/contract/verdict.h"

#include <algorithm>
#include <cstdio>

#include "init/base/text.h"

namespace mkcapture {
namespace {

constexpr std::size_t kMaxLine = 880;  // System::log() cuts a little later
constexpr std::size_t kMinReason = 200;

}  // namespace

std::string saved_line(const TargetSpec& target, std::uint64_t bytes, Milliseconds took,
                       std::string_view path) {
  char numbers[80];
  std::snprintf(numbers, sizeof numbers,
                " bytes=%llu seconds=%lld.%03lld path=", static_cast<unsigned long long>(bytes),
                static_cast<long long>(took.count() / 1000),
                static_cast<long long>(took.count() % 1000));
  return "saved target=" + to_string(target) + numbers + std::string(path);
}

std::string failed_line(const TargetSpec& target, Step step, std::string_view reason) {
  std::string line =
      "failed target=" + to_string(target) + " step=" + to_string(step) + " reason=\"";
  const std::size_t room = std::max(kMaxLine - std::min(line.size(), kMaxLine), kMinReason);
  for (const char c : reason.substr(0, room)) {
    line += c == '"' ? '\'' : is_control(c) ? ' ' : c;
  }
  return line + "\"";
}

std::string done_line(bool saved, FinalAction action) {
  return "done status=" + std::string(saved ? "saved" : "failed") +
         " action=" + std::string(to_string(action));
}

}  // namespace mkcapture
