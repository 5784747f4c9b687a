// The text form of LVM2's metadata: NAME { ... } and NAME = VALUE, '#' comments (lvm.conf(5) has
// the same form). Nothing is copied and nothing recursed into: a section is the text between its
// braces, looked through again for each question.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

namespace mkcapture {

class LvmSection {
 public:
  struct Entry {
    std::string_view name;
    std::string_view value;  // as written; of a section what is between its braces
    bool is_section = false;
    /// Of a string what is between its quotes, else the value as written.
    [[nodiscard]] std::string_view text() const;
    /// The elements of an array, strings without their quotes; of anything else itself.
    [[nodiscard]] std::vector<std::string_view> elements() const;
  };

  explicit LvmSection(std::string_view body) : body_(body) {}

  /// The entries in their order, up to the first that is broken; at most `limit`.
  [[nodiscard]] std::vector<Entry> entries(std::size_t limit) const;
  /// The first of this name.
  [[nodiscard]] std::optional<Entry> find(std::string_view name) const;

 private:
  std::string_view body_;
};

}  // namespace mkcapture
