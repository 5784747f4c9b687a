#include <fmt/format.h>

#include "builder/print/print.h"

namespace mkcapture {

namespace {

// A TOML basic string.
std::string toml_string(std::string_view text) {
  std::string all = "\"";
  for (const unsigned char c : text) {
    if (c == '"' || c == '\\')
      all += fmt::format("\\{}", static_cast<char>(c));
    else if (c < 0x20 || c == 0x7f)
      all += fmt::format("\\u{:04X}", c);
    else
      all += static_cast<char>(c);
  }
  return all + "\"";
}

std::string value_of(const Field& field, const Settings& settings) {
  switch (field.kind) {
    case FieldKind::kFlag:
    case FieldKind::kNumber:
      return settings.last(field.key)->text;
    case FieldKind::kText:
      return toml_string(settings.last(field.key)->text);
    case FieldKind::kList:
      break;
  }
  std::string list;
  for (const auto& given : settings.all(field.key))
    list += (list.empty() ? "" : ", ") + toml_string(given.text);
  return "[" + list + "]";
}

}  // namespace

std::string print_config(const Settings& settings) {
  std::string plain, tables;
  std::string open_table;
  for (const auto& field : setting_fields()) {
    if (!settings.has(field.key)) continue;
    const auto dot = field.key.find('.');
    const std::string line =
        fmt::format("{} = {}  # {}\n", field.key.substr(dot + 1), value_of(field, settings),
                    settings.last(field.key)->origin);
    if (dot == std::string_view::npos) {
      plain += line;
      continue;
    }
    if (const std::string table(field.key.substr(0, dot)); table != open_table) {
      tables += fmt::format("\n[{}]\n", table);
      open_table = table;
    }
    tables += line;
  }
  if (plain.empty() && tables.empty()) return "# Nothing is set: every default applies.\n";
  return plain + tables;
}

}  // namespace mkcapture
