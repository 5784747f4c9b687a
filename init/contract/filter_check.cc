#include "init/contract/filter_check.h"

#include <algorithm>

#include "init/base/text.h"
#include "init/base/units.h"

namespace mkcapture {
namespace {

constexpr std::uint64_t kOneOf = 1000;
// A few pages change hands at the wrong moment, however small their class is.
constexpr std::uint64_t kSome = 64;
// What is left out of each class (DumpChoice::level).
constexpr std::array<int, 5> kBits = {2 | 4 | 8 | 16, 2 | 4, 8, 16, 0};
constexpr std::size_t kMaxWord = 128;

Result<FilterCheck::Class> parse_class(std::string_view word) {
  const auto slash = word.find('/');
  if (slash == word.npos) return fail("not PAGES/DIFFER: " + std::string(word));
  TRY_ASSIGN(pages, parse_number(word.substr(0, slash)));
  TRY_ASSIGN(differ, parse_number(word.substr(slash + 1)));
  if (differ > pages) return fail("more pages differ than there are: " + std::string(word));
  return FilterCheck::Class{pages, differ};
}

}  // namespace

std::uint64_t FilterCheck::pages() const noexcept {
  std::uint64_t sum = 0;
  for (const Class& c : classes)
    sum += c.pages;
  return sum;
}

std::uint64_t FilterCheck::differ() const noexcept {
  std::uint64_t sum = 0;
  for (const Class& c : classes)
    sum += c.differ;
  return sum;
}

int FilterCheck::doubtful_bits() const noexcept {
  int bits = 0;
  for (std::size_t i = 0; i < classes.size(); ++i) {
    if (classes[i].differ > std::max(classes[i].pages / kOneOf, kSome)) bits |= kBits[i];
  }
  return bits;
}

bool FilterCheck::is_of(std::string_view of_release, std::string_view of_build) const noexcept {
  return release == of_release && (build_id.empty() || of_build.empty() || build_id == of_build);
}

std::string to_string(const FilterCheck& check) {
  std::string text = check.release + ' ' + (check.build_id.empty() ? "-" : check.build_id) + ' ' +
                     std::to_string(check.level);
  for (const auto& c : check.classes)
    text += ' ' + std::to_string(c.pages) + '/' + std::to_string(c.differ);
  return text;
}

Result<FilterCheck> parse_filter_check(std::string_view text) {
  const auto words = split(text, ' ');
  FilterCheck check;
  if (words.size() != 3 + check.classes.size()) return fail("not a kernel and its page counts");
  if (words[0].empty() || words[0].size() > kMaxWord || words[1].size() > kMaxWord)
    return fail("not a kernel's release and build id");
  check.release = words[0];
  if (words[1] != "-") check.build_id = words[1];
  TRY_ASSIGN(level, parse_number(words[2]));
  if (level > 31) return fail("the level is not in 0..31");
  check.level = static_cast<int>(level);
  for (std::size_t i = 0; i < check.classes.size(); ++i) {
    TRY_ASSIGN(counts, parse_class(words[3 + i]));
    check.classes[i] = counts;
  }
  return check;
}

}  // namespace mkcapture
