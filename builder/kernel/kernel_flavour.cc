#include "builder/kernel/kernel_flavour.h"

#include <algorithm>

namespace mkcapture {

namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// "64k": a page size, the one word of a flavour that begins with a digit.
bool is_page_size(std::string_view word) {
  return word.size() > 1 && word.ends_with('k') &&
         std::all_of(word.begin(), word.end() - 1, is_digit);
}

// "deb13", "rc4", "arch1", "r2": whose it is, or which one, and not what it is for.
bool is_distribution(std::string_view stem) {
  return stem == "deb" || stem == "bpo" || stem == "rc" || stem == "arch" || stem == "zen" ||
         stem == "r";
}

bool has_word(std::string_view flavour, std::initializer_list<std::string_view> words) {
  while (!flavour.empty()) {
    const auto word = flavour.substr(0, flavour.find('-'));
    if (std::find(words.begin(), words.end(), word) != words.end()) return true;
    flavour.remove_prefix(std::min(word.size() + 1, flavour.size()));
  }
  return false;
}

bool is_special(const std::string& release) {
  return has_word(kernel_flavour(release), {"rt", "realtime", "16k", "64k"});
}

}  // namespace

std::string kernel_flavour(std::string_view release) {
  std::string flavour;
  bool first = true;  // the version
  while (!release.empty()) {
    std::string_view word = release.substr(0, release.find_first_of("-+"));
    release.remove_prefix(std::min(word.size() + 1, release.size()));
    const bool version = first || (!word.empty() && is_digit(word.front()) && !is_page_size(word));
    first = false;
    if (version) continue;
    std::string_view stem = word;
    while (!stem.empty() && is_digit(stem.back()))
      stem.remove_suffix(1);
    if (word.empty() || word == "bpo" || (stem.size() < word.size() && is_distribution(stem)))
      continue;
    flavour += (flavour.empty() ? "" : "-") + std::string(word);
  }
  return flavour;
}

bool is_for_debugging(std::string_view release) {
  return has_word(kernel_flavour(release), {"debug", "dbg", "kasan", "kcsan", "lockdep"});
}

std::optional<std::string> newest_of_flavour(const std::vector<std::string>& releases,
                                             std::string_view running) {
  std::vector<std::string> left = releases;
  std::erase_if(left, is_for_debugging);
  const auto narrow = [&](const auto& wanted) {
    if (std::any_of(left.begin(), left.end(), wanted))
      std::erase_if(left, [&](const auto& release) { return !wanted(release); });
  };
  const std::string flavour = kernel_flavour(running);
  const auto is_of_running = [&](const std::string& release) {
    return kernel_flavour(release) == flavour;
  };
  if (!running.empty() && std::any_of(left.begin(), left.end(), is_of_running))
    narrow(is_of_running);
  else
    narrow([](const std::string& release) { return !is_special(release); });
  if (left.empty()) return std::nullopt;
  return left.back();
}

}  // namespace mkcapture
