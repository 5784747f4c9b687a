#include "modules/module_sets.h"

#include <toml++/toml.h>

#include <algorithm>
#include <initializer_list>

#include "modules/data.h"

namespace mkcapture {

namespace {

/// "FILE:LINE: KEY: WHY".
Error at(const std::string& file, const toml::node& node, std::string_view key,
         std::string_view why) {
  return fail(file + ":" + std::to_string(node.source().begin.line) + ": " + std::string(key) +
              ": " + std::string(why));
}

Status read_text(const std::string& file, const toml::node& node, std::string_view key,
                 std::string& into) {
  const auto* text = node.as_string();
  if (text == nullptr) return at(file, node, key, "must be a string");
  into = text->get();
  return {};
}

Status read_list(const std::string& file, const toml::node& node, std::string_view key,
                 std::vector<std::string>& into) {
  const toml::array* list = node.as_array();
  if (list == nullptr) return at(file, node, key, "must be a list of strings");
  for (const toml::node& item : *list) {
    const auto* text = item.as_string();
    if (text == nullptr || text->get().empty()) return at(file, item, key, "must hold strings");
    into.push_back(text->get());
  }
  return {};
}

/// One key of a table: where its value goes.
struct Field {
  std::string_view key;
  std::string* text = nullptr;
  std::vector<std::string>* list = nullptr;
};

Status read_table(const std::string& file, const toml::node& node, std::string_view name,
                  std::initializer_list<Field> fields) {
  const toml::table* table = node.as_table();
  if (table == nullptr) return at(file, node, name, "must be a table");
  for (const auto& [key, value] : *table) {
    const std::string_view wanted = key.str();
    const auto* field =
        std::find_if(fields.begin(), fields.end(), [&](const Field& f) { return f.key == wanted; });
    if (field == fields.end()) return at(file, value, wanted, "unknown key");
    TRY(field->text != nullptr ? read_text(file, value, wanted, *field->text)
                               : read_list(file, value, wanted, *field->list));
  }
  return {};
}

Status read_sets(const std::string& file, const toml::node& node, ModuleSets& into) {
  const toml::table* table = node.as_table();
  if (table == nullptr) return at(file, node, "set", "must be a table");
  for (const auto& [key, value] : *table) {
    ModuleSet set;
    set.name = key.str();
    TRY(read_table(file, value, set.name,
                   {{"summary", &set.summary, nullptr},
                    {"class", &set.driver_class, nullptr},
                    {"drivers", nullptr, &set.drivers},
                    {"required", nullptr, &set.required},
                    {"programs", nullptr, &set.programs},
                    {"firmware", nullptr, &set.firmware},
                    {"kernel", nullptr, &set.kernel}}));
    constexpr std::string_view kClasses[] = {"", "storage", "net", "fs", "watchdog"};
    if (std::find(std::begin(kClasses), std::end(kClasses), set.driver_class) == std::end(kClasses))
      return at(file, value, "class", "must be \"storage\", \"net\", \"fs\" or \"watchdog\"");
    const std::string name = set.name;
    if (!into.sets.emplace(name, std::move(set)).second)
      return at(file, value, name, "this set is there already");
  }
  return {};
}

Status read_needs(const std::string& file, const toml::node& node, ModuleSets& into) {
  const toml::array* list = node.as_array();
  if (list == nullptr) return at(file, node, "needs", "must be [[needs]] tables");
  for (const toml::node& item : *list) {
    ModuleNeed need;
    TRY(read_table(file, item, "needs",
                   {{"module", &need.module, nullptr},
                    {"before", nullptr, &need.before},
                    {"after", nullptr, &need.after}}));
    if (need.module.empty()) return at(file, item, "module", "is missing");
    const std::string name = need.module;
    if (!into.needs.emplace(name, std::move(need)).second)
      return at(file, item, name, "its needs are there already");
  }
  return {};
}

Status read_parameters(const std::string& file, const toml::node& node, ModuleSets& into) {
  const toml::table* table = node.as_table();
  if (table == nullptr) return at(file, node, "parameters", "must be a table");
  for (const auto& [key, value] : *table)
    TRY(read_text(file, value, key.str(), into.parameters[std::string(key.str())]));
  return {};
}

}  // namespace

const ModuleSet* ModuleSets::find(std::string_view name) const {
  const auto it = sets.find(std::string(name));
  return it == sets.end() ? nullptr : &it->second;
}

Status parse_module_sets(std::string_view text, const std::string& file, ModuleSets& into) {
  toml::table root;
  try {
    root = toml::parse(text, file);
  } catch (const toml::parse_error& e) {
    return fail(file + ":" + std::to_string(e.source().begin.line) + ": " +
                std::string(e.description()));
  }
  for (const auto& [key, value] : root) {
    const std::string_view name = key.str();
    if (name == "set") {
      TRY(read_sets(file, value, into));
    } else if (name == "needs") {
      TRY(read_needs(file, value, into));
    } else if (name == "parameters") {
      TRY(read_parameters(file, value, into));
    } else if (name == "spare") {
      std::vector<std::string> names;
      TRY(read_table(file, value, name, {{"modules", nullptr, &names}}));
      into.spare.insert(names.begin(), names.end());
    } else {
      return at(file, value, name, "unknown table");
    }
  }
  return {};
}

Result<ModuleSets> builtin_module_sets() {
  ModuleSets sets;
  for (const DataFile& file : module_data())
    TRY(parse_module_sets(file.text, file.name, sets));
  return sets;
}

}  // namespace mkcapture
