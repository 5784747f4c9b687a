#include "builder/ask/config_file.h"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>

namespace mkcapture {

namespace {

constexpr std::size_t kMaxConfigFile = 1 << 20;

const char* wanted(FieldKind kind) {
  switch (kind) {
    case FieldKind::kText:
      return "a string is wanted";
    case FieldKind::kList:
      return "an array of strings is wanted";
    case FieldKind::kNumber:
      return "a whole number, 0 or more, is wanted";
    case FieldKind::kFlag:
      return "true or false is wanted";
  }
  return "";
}

std::string join(const std::vector<std::string>& parts) {
  std::string all;
  for (const auto& part : parts)
    all += (all.empty() ? "" : ",") + part;
  return all;
}

class Reader {
 public:
  Reader(const std::string& name, Settings& settings) : name_(name), settings_(settings) {}

  // `prefix` is "" or "dump.": tables nest one deep.
  Status read_table(const toml::table& table, const std::string& prefix) {
    for (const auto& [toml_key, node] : table) {
      const std::string key = prefix + std::string(toml_key.str());
      const auto fields = setting_fields();
      const auto field =
          std::find_if(fields.begin(), fields.end(), [&](const Field& f) { return f.key == key; });
      if (field != fields.end()) {
        TRY(read_value(*field, node, origin(key, toml_key.source())));
      } else if (node.is_table() && prefix.empty() && is_table_of_fields(key)) {
        TRY(read_table(*node.as_table(), key + "."));
      } else {
        return usage_error(origin(key, toml_key.source()), "unknown key");
      }
    }
    return {};
  }

 private:
  std::string origin(const std::string& key, const toml::source_region& where) const {
    return fmt::format("{}:{}: {}", name_, where.begin.line, key);
  }
  static bool is_table_of_fields(const std::string& key) {
    const auto fields = setting_fields();
    return std::any_of(fields.begin(), fields.end(),
                       [&](const Field& f) { return f.key.starts_with(key + "."); });
  }

  Status read_value(const Field& field, const toml::node& node, const std::string& where) {
    const auto wrong = [&] { return usage_error(where, wanted(field.kind)); };
    switch (field.kind) {
      case FieldKind::kFlag:
        if (!node.is_boolean()) return wrong();
        settings_.add(field.key, {node.as_boolean()->get() ? "true" : "false", where});
        return {};
      case FieldKind::kNumber:
        if (!node.is_integer() || node.as_integer()->get() < 0) return wrong();
        settings_.add(field.key, {std::to_string(node.as_integer()->get()), where});
        return {};
      case FieldKind::kText:
        if (node.is_string()) {
          settings_.add(field.key, {node.as_string()->get(), where});
          return {};
        }
        if (field.key == "drivers" && node.is_array()) {  // a LIST reads better as an array
          auto names = strings(*node.as_array());
          if (!names) return usage_error(where, "an array of strings is wanted");
          settings_.add(field.key, {join(*names), where});
          return {};
        }
        return wrong();
      case FieldKind::kList: {
        if (node.is_string()) {
          settings_.add(field.key, {node.as_string()->get(), where});
          return {};
        }
        const auto values = node.is_array() ? strings(*node.as_array()) : std::nullopt;
        if (!values) return wrong();
        for (std::size_t i = 0; i < values->size(); ++i) {
          const auto line = node.as_array()->get(i)->source();
          settings_.add(field.key, {(*values)[i], origin(std::string(field.key), line)});
        }
        return {};
      }
    }
    return {};
  }

  static std::optional<std::vector<std::string>> strings(const toml::array& array) {
    std::vector<std::string> all;
    for (const auto& element : array) {
      if (!element.is_string()) return std::nullopt;
      all.push_back(element.as_string()->get());
    }
    return all;
  }

  const std::string& name_;
  Settings& settings_;
};

}  // namespace

Result<Settings> parse_config_file(std::string_view text, const std::string& name) {
  Settings settings;
  try {
    const toml::table table = toml::parse(text, name);
    TRY(Reader(name, settings).read_table(table, ""));
  } catch (const toml::parse_error& error) {
    return usage_error(fmt::format("{}:{}", name, error.source().begin.line),
                       std::string(error.description()));
  }
  return settings;
}

Result<Settings> load_config_file(Host& host, const std::string& file) {
  auto text = host.read_whole(file, kMaxConfigFile);
  if (!text) return as_usage_error("configuration", std::move(text).error());
  return parse_config_file(*text, file);
}

}  // namespace mkcapture
