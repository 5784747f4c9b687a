#include "builder/kernel/profile.h"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <set>

#include "builder/kernel/crashkernel.h"
#include "init/base/units.h"

namespace mkcapture {

namespace {

constexpr std::size_t kMaxProfileFile = 1 << 20;

// Takes keys out of a table one by one; what is left at the end is unknown.
class Table {
 public:
  Table(const toml::table& table, const std::string& file, std::string prefix)
      : table_(table), file_(file), prefix_(std::move(prefix)) {}

  Status text(const char* key, std::string& into) {
    const toml::node* node = take(key);
    if (node == nullptr) return {};
    if (!node->is_string()) return wrong(key, *node, "a string is wanted");
    into = node->as_string()->get();
    return {};
  }
  Status flag(const char* key, bool& into) {
    const toml::node* node = take(key);
    if (node == nullptr) return {};
    if (!node->is_boolean()) return wrong(key, *node, "true or false is wanted");
    into = node->as_boolean()->get();
    return {};
  }
  Status strings(const char* key, std::vector<std::string>& into) {
    const toml::node* node = take(key);
    if (node == nullptr) return {};
    if (!node->is_array()) return wrong(key, *node, "an array of strings is wanted");
    for (const auto& element : *node->as_array()) {
      if (!element.is_string()) return wrong(key, element, "an array of strings is wanted");
      into.push_back(element.as_string()->get());
    }
    return {};
  }
  Status size(const char* key, std::uint64_t& into) {
    std::string value;
    TRY(text(key, value));
    if (value.empty()) return {};
    auto bytes = parse_size(value);
    if (!bytes) return wrong(key, *table_.get(key), bytes.error().message);
    into = *bytes;
    return {};
  }
  // A table below this one, by way of `read`; absent is as good as empty.
  template <class Read>
  Status table(const char* key, Read read) {
    const toml::node* node = take(key);
    if (node == nullptr) return {};
    if (!node->is_table()) return wrong(key, *node, "a table is wanted");
    Table inner(*node->as_table(), file_, prefix_ + key + ".");
    TRY(read(inner));
    return inner.finish();
  }
  std::vector<std::string> keys() const {
    std::vector<std::string> names;
    for (const auto& [key, node] : table_)
      names.emplace_back(key.str());
    return names;
  }
  // Every key that is left, with its text.
  template <class Each>
  Status rest(Each each) {
    for (const auto& [key, node] : table_) {
      if (taken_.contains(std::string(key.str()))) continue;
      if (!node.is_string()) return wrong(std::string(key.str()), node, "a string is wanted");
      taken_.insert(std::string(key.str()));
      each(std::string(key.str()), node.as_string()->get());
    }
    return {};
  }
  Status finish() const {
    for (const auto& [key, node] : table_)
      if (!taken_.contains(std::string(key.str())))
        return usage_error(origin(std::string(key.str()), key.source().begin.line), "unknown key");
    return {};
  }
  Error wrong(const std::string& key, const toml::node& node, std::string_view why) const {
    return usage_error(origin(key, node.source().begin.line), why);
  }

 private:
  const toml::node* take(const char* key) {
    taken_.insert(key);
    return table_.get(key);
  }
  std::string origin(const std::string& key, std::uint32_t line) const {
    return fmt::format("{}:{}: {}{}", file_, line, prefix_, key);
  }

  const toml::table& table_;
  const std::string& file_;
  std::string prefix_;
  std::set<std::string, std::less<>> taken_;
};

Status read_symbols(Table& table, const char* key, std::vector<ConfigSymbol>& into) {
  return table.table(key, [&](Table& symbols) {
    return symbols.rest([&](std::string symbol, std::string reason) {
      into.push_back({std::move(symbol), std::move(reason)});
    });
  });
}

Status read_kernel(Table& table, Profile& profile) {
  TRY(table.strings("images", profile.kernel_images));
  TRY(table.flag("xz_filter_x86", profile.xz_filter_x86));
  TRY(read_symbols(table, "required", profile.required));
  return read_symbols(table, "wanted", profile.wanted);
}

Status read_command_line(Table& table, Profile& profile) {
  TRY(table.text("console", profile.console));
  TRY(table.strings("add", profile.cmdline_add));
  TRY(table.flag("boot_apicid", profile.boot_apicid));
  TRY(table.flag("channel_devices", profile.ccw_devices));
  return table.table("remove", [&](Table& reasons) -> Status {
    for (const auto& reason : reasons.keys()) {
      std::vector<std::string> patterns;
      TRY(reasons.strings(reason.c_str(), patterns));
      for (auto& pattern : patterns)
        profile.cmdline_remove.push_back({std::move(pattern), reason});
    }
    return {};
  });
}

Status read_options(Table& table, const char* key, std::vector<ConfigOptions>& into) {
  return table.table(key, [&](Table& symbols) -> Status {
    for (const auto& symbol : symbols.keys()) {
      into.push_back({symbol, {}});
      TRY(symbols.strings(symbol.c_str(), into.back().options));
    }
    return {};
  });
}

Status read_kexec(Table& table, Profile& profile) {
  TRY(table.strings("options", profile.kexec_options));
  TRY(read_options(table, "options_with", profile.kexec_options_with));
  TRY(read_options(table, "options_without", profile.kexec_options_without));
  TRY(table.flag("file_load", profile.kexec_file_load));
  TRY(table.flag("pad_bzimage", profile.kexec_pads_bzimage));
  return table.text("file_load_without", profile.kexec_file_load_without);
}

// What every profile shares comes after its own.
Status read_base(Profile& profile) {
  const auto [name, text] = base_profile();
  const std::string file = "profiles/" + std::string(name) + ".toml";
  const toml::table toml = toml::parse(text, file);
  Table table(toml, file, "");
  TRY(table.table("command_line", [&](Table& t) { return read_command_line(t, profile); }));
  return table.finish();
}

Status read_profile(Table& table, Profile& profile, std::string& recommended) {
  TRY(table.strings("machines", profile.machines));
  TRY(table.text("triple", profile.triple));
  TRY(table.text("no_payload", profile.no_payload));
  TRY(table.table("kernel", [&](Table& t) { return read_kernel(t, profile); }));
  TRY(table.table("command_line", [&](Table& t) { return read_command_line(t, profile); }));
  TRY(table.table("kexec", [&](Table& t) { return read_kexec(t, profile); }));
  TRY(table.table("drivers", [&](Table& t) -> Status {
    TRY(t.strings("storage", profile.storage_sets));
    TRY(t.strings("net", profile.net_sets));
    return t.strings("filesystems", profile.filesystems);
  }));
  TRY(table.table("crashkernel", [&](Table& t) -> Status {
    TRY(t.size("kernel_memory", profile.kernel_memory));
    TRY(t.size("alignment", profile.crashkernel_alignment));
    return t.text("recommended", recommended);
  }));
  return table.finish();
}

// "x86_64" of "some/where/x86_64.toml".
std::string name_of(const std::string& file) {
  std::string name = file.substr(file.rfind('/') + 1);
  if (name.ends_with(".toml")) name.resize(name.size() - 5);
  return name;
}

Error unknown_profile(const std::string& name) {
  std::string known;
  for (const auto& builtin : builtin_profiles())
    known += (known.empty() ? "" : ", ") + std::string(builtin.name);
  return usage_error(
      "profile", fmt::format("'{}' is not known; there are {}, or give a FILE.toml", name, known));
}

}  // namespace

Result<Profile> parse_profile(std::string_view text, const std::string& file) {
  Profile profile;
  profile.name = name_of(file);
  std::string recommended;
  try {
    const toml::table toml = toml::parse(text, file);
    Table table(toml, file, "");
    TRY(read_profile(table, profile, recommended));
    TRY(read_base(profile));
  } catch (const toml::parse_error& error) {
    return usage_error(fmt::format("{}:{}", file, error.source().begin.line),
                       std::string(error.description()));
  }
  auto ranges = parse_crashkernel(recommended);
  if (!ranges || ranges->ranges.empty())
    return usage_error(file + ": crashkernel.recommended", "ranges as in crashkernel= are wanted");
  profile.crashkernel = std::move(ranges->ranges);
  if (profile.kernel_images.empty()) return usage_error(file + ": kernel.images", "missing");
  if (profile.machines.empty()) return usage_error(file + ": machines", "missing");
  return profile;
}

Result<Profile> builtin_profile(std::string_view name) {
  for (const auto& builtin : builtin_profiles())
    if (builtin.name == name)
      return parse_profile(builtin.text, fmt::format("profiles/{}.toml", name));
  return unknown_profile(std::string(name));
}

Result<Profile> load_profile(Host& host, const std::string& name_or_file) {
  if (name_or_file.find('/') == std::string::npos && !name_or_file.ends_with(".toml"))
    return builtin_profile(name_or_file);
  auto text = host.read_whole(name_or_file, kMaxProfileFile);
  if (!text) return as_usage_error("profile", std::move(text).error());
  return parse_profile(*text, name_or_file);
}

Result<Profile> profile_of_machine(const std::string& machine) {
  for (const auto& builtin : builtin_profiles()) {
    auto profile = builtin_profile(builtin.name);
    if (!profile) return profile;
    for (const auto& name : profile->machines)
      if (name == machine) return profile;
  }
  return unknown_profile(machine);
}

}  // namespace mkcapture
