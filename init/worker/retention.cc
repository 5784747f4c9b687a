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

}  // namespace

std::string_view host_of_dump(std::string_view name) {
  const auto parts = take_apart(name);
  return parts ? parts->host : std::string_view();
}

std::vector<StoredDump> outdated_dumps(const std::vector<StoredDump>& all,
                                       const std::string& newest, std::uint64_t keep) {
  const auto own = take_apart(newest);
  if (!own || keep == 0) return {};
  struct Candidate {
    Name name;
    const StoredDump* dump;
  };
  std::vector<Candidate> whole;
  std::vector<Candidate> gone;
  for (const StoredDump& dump : all) {
    auto name = take_apart(dump.name);
    // A clock that was set back makes later dumps of what is older: those stay.
    if (!name || name->host != own->host || !is_older(*name, *own) || !is_ours(dump)) continue;
    (has(dump, kWholeFile) ? whole : gone).push_back({*std::move(name), &dump});
  }
  const auto by_age = [](const Candidate& a, const Candidate& b) {
    return is_older(a.name, b.name);
  };
  std::sort(whole.begin(), whole.end(), by_age);
  if (whole.size() > keep - 1) {
    whole.resize(whole.size() - static_cast<std::size_t>(keep - 1));
    gone.insert(gone.end(), whole.begin(), whole.end());
  }
  std::sort(gone.begin(), gone.end(), by_age);
  std::vector<StoredDump> names;
  for (const Candidate& candidate : gone)
    names.push_back(*candidate.dump);
  return names;
}

void remove_outdated(System& system, StepReporter& steps, DumpStore& store,
                     const std::string& newest, std::uint64_t keep, const Deadline& deadline) {
  const std::string prefix = std::string(host_of_dump(newest)) + "-";
  const auto all = store.list(prefix, deadline);
  if (!all) {
    system.log("older dumps stay: " + all.error().message);
    return;
  }
  for (const StoredDump& dump : outdated_dumps(*all, newest, keep)) {
    if (deadline.passed()) return;
    const auto removed = store.remove(dump, deadline);
    system.log(removed ? "removed " + dump.name + (has(dump, kWholeFile) ? "" : ", incomplete") +
                             ": the newest " + std::to_string(keep) + " stay"
                       : removed.error().message);
    steps.progress();
  }
}

}  // namespace mkcapture::init
