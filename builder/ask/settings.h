// Settings: what the user asked for, as text, before anything is interpreted.
//
// One table, setting_fields(), says what can be set: the command line (options.cc), the
// configuration file (config_file.cc) and `--print config` are made from it, so that every option
// is also a key and both are spelled, typed and documented once. Each value remembers where it came
// from; request.cc gives it a meaning and blames that place when it has none.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace mkcapture {

/// One value as it was given.
struct Given {
  std::string text;
  std::string origin;  // "--deadline", "/etc/mkcapture.toml:12: deadline"
};

enum class FieldKind {
  kText,    // one string
  kList,    // repeatable option; an array of strings (or one string) in TOML
  kNumber,  // a whole number, 0 or more
  kFlag     // an option without value; a boolean in TOML
};

struct Field {
  std::string_view key;     // TOML: "add_driver", "dump.level" (the key level of the table dump)
  std::string_view option;  // "-t,--target"
  FieldKind kind;
  std::string_view value;  // what help calls the value: "SPEC"
  std::string_view help;   // one line
};

/// Every setting, in the order of the help text.
[[nodiscard]] std::span<const Field> setting_fields();
/// The long option of a field: "--target".
[[nodiscard]] std::string_view long_option(const Field& field);

class Settings {
 public:
  void add(std::string_view key, Given value) {
    values_[std::string(key)].push_back(std::move(value));
  }
  /// The keys set in `stronger` replace those here.
  void override_with(const Settings& stronger);

  [[nodiscard]] bool has(std::string_view key) const { return values_.contains(key); }
  /// All values of a key in the order given; empty where it is not set.
  [[nodiscard]] std::span<const Given> all(std::string_view key) const;
  /// The last value of a key, which is the one that counts for single values; null where unset.
  [[nodiscard]] const Given* last(std::string_view key) const;

 private:
  std::map<std::string, std::vector<Given>, std::less<>> values_;
};

}  // namespace mkcapture
