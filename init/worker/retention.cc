#include "init/worker/retention.h"

#include <algorithm>

#include "init/base/text.h"
#include "init/base/units.h"

namespace mkcapture::init {
namespace {

constexpr std::string_view kStamp = "-dddd-dd-dd-dd:dd:dd";  // d: a digit; ':' may be '-'

bool is_stamp(std::string_view text) {
  for (std::size_t i = 0; i < kStamp.size(); ++i) {
    const char wanted = kStamp[i];
    const bool right = wanted == 'd'   ? is_digit(text[i])
                       : wanted == ':' ? text[i] == ':' || text[i] == '-'
                                       : text[i] == wanted;
    if (!right) return false;
  }
  return true;
}

/// A dump's name, taken apart: of two of one host the lesser is the older.
struct Name {
  std::string_view host;
  std::string stamp;  // with ':' as '-'
  std::uint64_t suffix = 0;
};

/// `text` ends in a stamp, or in one and a number. The last stamp counts: a host may be called
/// like a dump.
std::optional<Name> take_apart(std::string_view text) {
  const auto ending = [](std::string_view whole) -> std::optional<Name> {
    if (whole.size() <= kStamp.size()) return std::nullopt;
    const auto stamp = whole.substr(whole.size() - kStamp.size());
    if (!is_stamp(stamp)) return std::nullopt;
    Name name{whole.substr(0, whole.size() - kStamp.size()), std::string(stamp), 0};
    std::replace(name.stamp.begin(), name.stamp.end(), ':', '-');
    return name;
  };
  if (auto name = ending(text)) return name;
  const auto dash = text.rfind('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const auto number = parse_number(text.substr(dash + 1));
  auto name = ending(text.substr(0, dash));
  if (!name || !number) return std::nullopt;
  name->suffix = *number;
  return name;
}

bool is_older(const Name& a, const Name& b) {
  return a.stamp != b.stamp ? a.stamp < b.stamp : a.suffix < b.suffix;
}

bool has(const StoredDump& dump, std::string_view file) {
  return std::find(dump.files.begin(), dump.files.end(), file) != dump.files.end();
}

/// Made by a capture, and by nobody else.
bool is_ours(const StoredDump& dump) {
  return std::all_of(dump.files.begin(), dump.files.end(), [](const std::string& file) {
    return file == kDmesgFile || file == kPartialFile || file == kWholeFile || file == kLogFile;
  });
}

struct Candidate {
  Name name;
  const StoredDump* dump;
};

/// Dumps of the host of `own`, older than it, that nobody but a capture has put anything into;
/// oldest first. A clock that was set back makes later dumps of what is older: those stay.
std::vector<Candidate> older_ones(const std::vector<StoredDump>& all, const Name& own) {
  std::vector<Candidate> found;
  for (const StoredDump& dump : all) {
    auto name = take_apart(dump.name);
    if (!name || name->host != own.host || !is_older(*name, own) || !is_ours(dump)) continue;
    found.push_back({*std::move(name), &dump});
  }
  std::sort(found.begin(), found.end(),
            [](const Candidate& a, const Candidate& b) { return is_older(a.name, b.name); });
  return found;
}

void remove_each(System& system, StepReporter& steps, DumpStore& store,
                 const std::vector<StoredDump>& dumps, const std::string& why,
                 const Deadline& deadline) {
  for (const StoredDump& dump : dumps) {
    if (deadline.passed()) return;
    const auto removed = store.remove(dump, deadline);
    system.log(removed ? "removed " + dump.name + (has(dump, kWholeFile) ? "" : ", incomplete") +
                             ": the newest " + why + " stay"
                       : removed.error().message);
    steps.progress();
  }
}

}  // namespace

std::string_view host_of_dump(std::string_view name) {
  const auto parts = take_apart(name);
  return parts ? parts->host : std::string_view();
}

std::vector<StoredDump> outdated_dumps(const std::vector<StoredDump>& all,
                                       const std::string& newest, std::uint64_t keep) {
  const auto own = take_apart(newest);
  if (!own || keep == 0) return {};
  const auto older = older_ones(all, *own);
  const auto is_whole = [](const Candidate& c) { return has(*c.dump, kWholeFile); };
  auto whole = static_cast<std::uint64_t>(std::count_if(older.begin(), older.end(), is_whole));
  std::vector<StoredDump> gone;
  for (const Candidate& candidate : older) {
    if (is_whole(candidate) && whole-- < keep) continue;
    gone.push_back(*candidate.dump);
  }
  return gone;
}

std::vector<StoredDump> outdated_logs(const std::vector<StoredDump>& all,
                                      const std::string& newest) {
  const auto own = take_apart(newest);
  if (!own) return {};
  std::vector<StoredDump> logs;
  for (const Candidate& candidate : older_ones(all, *own)) {
    if (!has(*candidate.dump, kWholeFile) && !has(*candidate.dump, kPartialFile))
      logs.push_back(*candidate.dump);
  }
  logs.resize(logs.size() - std::min(logs.size(), kLogsKept - 1));
  return logs;
}

void remove_outdated(System& system, StepReporter& steps, DumpStore& store,
                     const std::string& newest, std::uint64_t keep, const Deadline& deadline) {
  const auto all = store.list(std::string(host_of_dump(newest)) + "-", deadline);
  if (!all) {
    system.log("older dumps stay: " + all.error().message);
    return;
  }
  remove_each(system, steps, store, outdated_dumps(*all, newest, keep), std::to_string(keep),
              deadline);
}

void remove_outdated_logs(System& system, StepReporter& steps, DumpStore& store,
                          const std::string& newest, const Deadline& deadline) {
  const auto all = store.list(std::string(host_of_dump(newest)) + "-", deadline);
  if (!all) return;
  remove_each(system, steps, store, outdated_logs(*all, newest),
              std::to_string(kLogsKept) + " logs", deadline);
}

}  // namespace mkcapture::init
