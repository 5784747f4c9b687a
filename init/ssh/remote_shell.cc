#include "init/ssh/remote_shell.h"

#include <algorithm>

#include "init/base/text.h"
#include "init/base/units.h"

namespace mkcapture::init::remote {
namespace {

// csh replaces '!' even in single quotes and fish reads '\\' there, so the scripts have neither.

// sync(1) of coreutils 8.24 and later, and of some BusyBoxes, takes a file and fails where its
// fsync() does; others sync everything and never fail. Which it is, is asked before there is
// anything to sync: later its failure is the disk's.
constexpr const char* kAskSync = "s=; sync -- \"$2\" 2>/dev/null && s=file; ";
constexpr const char* kSync = "if [ -n \"$s\" ]; then sync -- \"$2\"; else sync; fi";

// dd's fsync() is on the shell's own descriptor 3, open since before the first byte: whoever else
// syncs the file, an error of it comes here too (errseq_t of the kernel). Most servers' dd knows
// it; whether this one's does is asked as above.
constexpr const char* kAskFsync = "d=; dd if=/dev/null conv=fsync >&3 2>/dev/null && d=fsync; ";
constexpr const char* kFsync =
    "if [ -n \"$d\" ]; then dd if=/dev/null conv=fsync >&3 2>/dev/null; else ";
// Every few seconds meanwhile, on a descriptor of its own, so that little is left for the end. Ends
// with the shell.
constexpr const char* kFsyncOnTheWay =
    "[ -n \"$d\" ] && (exec 3>>\"$1\"; while sleep 5 && kill -0 $$; do "
    "dd if=/dev/null conv=fsync >&3; done) </dev/null >/dev/null 2>&1 & ";

/// sh -c 'SCRIPT' sh ARG ARG: the arguments are $1, $2.
std::string script(const std::string& text, const std::vector<std::string>& arguments) {
  std::string line = "sh -c " + quote(text) + " sh";
  for (const std::string& a : arguments)
    line += " " + quote(a);
  return line;
}

std::string folder_of(const std::string& file) {
  const std::size_t slash = file.rfind('/');
  return slash == std::string::npos ? "." : slash == 0 ? "/" : file.substr(0, slash);
}

std::string say(std::string_view line) {
  return "echo " + std::string(line.substr(0, line.size() - 1));
}

}  // namespace

std::string quote(std::string_view text) {
  std::string quoted = "'";
  for (const char c : text) {
    if (c == '\'') {
      quoted += "'\\''";
    } else {
      quoted += c;
    }
  }
  return quoted + "'";
}

std::string probe() {
  return script(say(kReady), {});
}

std::string make_directory(const std::string& path, const std::string& name) {
  return script(
      "umask 022; mkdir -p -- \"$1\" && cd -- \"$1\" || exit 1; umask 077; d=$2; i=0; "
      "until mkdir -- \"$d\" 2>/dev/null; do "
      "[ -e \"$d\" ] && [ $i -lt 999 ] || { mkdir -- \"$d\"; exit 1; }; "
      "i=$((i+1)); d=$2-$i; done; echo \"made:$d\"",
      {path, name});
}

std::string store(const std::string& file) {
  return script("umask 077; exec 3>\"$1\" || exit 1; " + std::string(kAskFsync) + kAskSync +
                    say(kReady) + "; " + kFsyncOnTheWay + "cat >&3 && { " + kFsync + kSync +
                    "; fi; } && exec 3>&- && " + say(kDone),
                {file, file});
}

std::string rename(const std::string& from, const std::string& to) {
  return script(std::string(kAskSync) + "mv -f -- \"$1\" \"$3\" && " + kSync + " && " + say(kDone),
                {from, folder_of(to), to});
}

std::string list(const std::string& path, const std::string& prefix) {
  return script(
      "cd -- \"$1\" || exit 1; for d in \"$2\"*; do [ -d \"$d\" ] && [ -x \"$d\" ] || continue; "
      "[ -h \"$d\" ] && continue; echo \"d:$d\"; "
      "ls -A -- \"$d\" | while IFS= read -r f; do echo \"f:$f\"; done; done; true",
      {path, prefix});
}

std::string remove(const std::string& folder, const std::vector<std::string>& files) {
  std::vector<std::string> arguments{folder};
  arguments.insert(arguments.end(), files.begin(), files.end());
  return script(
      "cd -- \"$1\" || exit 1; d=$1; shift; [ $# = 0 ] || rm -f -- \"$@\" || exit 1; "
      "cd .. && rmdir -- \"$d\" && " +
          say(kDone),
      arguments);
}

std::string free_space(const std::string& path) {
  return script(
      "d=$1; until [ -d \"$d\" ]; do d=${d%/*}; [ -n \"$d\" ] || d=/; done; df -Pk -- \"$d\"",
      {path});
}

std::optional<std::string> parse_made(std::string_view answer) {
  constexpr std::string_view kMade = "made:";
  for (std::string_view line : split(answer, '\n')) {
    if (!consume(line, kMade) || line.empty()) continue;
    if (line.find('/') != std::string_view::npos) return std::nullopt;
    return std::string(line);
  }
  return std::nullopt;
}

std::vector<std::pair<std::string, std::vector<std::string>>> parse_list(
    std::string_view answer, std::size_t max_directories, std::size_t max_files) {
  std::vector<std::pair<std::string, std::vector<std::string>>> found;
  for (std::string_view line : split(answer, '\n')) {
    if (consume(line, "d:")) {
      if (found.size() == max_directories) break;
      found.emplace_back(line, std::vector<std::string>());
    } else if (consume(line, "f:") && !found.empty() && found.back().second.size() < max_files) {
      found.back().second.emplace_back(line);
    }
  }
  return found;
}

std::optional<Space> parse_df(std::string_view answer) {
  // "Filesystem 1024-blocks Used Available Capacity Mounted on"; names may hold blanks, so the
  // numbers are found from the "NN%" behind them.
  const auto lines = split(trim(answer), '\n');
  std::vector<std::string_view> before;
  for (const std::string_view word : split(lines.back(), ' ')) {
    if (word.empty()) continue;
    if (word.size() > 1 && word.back() == '%' && is_digit(word.front()) && before.size() >= 3) {
      const auto total = parse_number(before[before.size() - 3]);
      const auto free = parse_number(before.back());
      constexpr std::uint64_t kMost = UINT64_MAX / 1024;
      if (!total || !free || *total > kMost || *free > kMost) return std::nullopt;
      return Space{*free * 1024, *total * 1024};
    }
    before.push_back(word);
  }
  return std::nullopt;
}

}  // namespace mkcapture::init::remote
