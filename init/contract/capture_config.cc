#include "init/contract/capture_config.h"

#include <algorithm>

#include "init/base/names.h"
#include "init/base/text.h"

namespace mkcapture {
namespace {

constexpr Name<FinalAction> kActions[] = {{"reboot", FinalAction::kReboot},
                                          {"poweroff", FinalAction::kPoweroff},
                                          {"halt", FinalAction::kHalt},
                                          {"shell", FinalAction::kShell}};
constexpr Name<Autoload> kAutoloads[] = {
    {"", Autoload::kNone}, {"storage", Autoload::kStorage}, {"net", Autoload::kNet}};

/// A module's name becomes part of a path: letters, digits and '_' only.
bool is_module_name(std::string_view text) {
  return !text.empty() && text.size() <= 64 &&
         all_of(text, [](char c) { return is_alnum(c) || c == '_'; });
}

Result<std::vector<std::string>> parse_module_names(std::string_view text) {
  std::vector<std::string> names;
  if (text.empty()) return names;
  for (const auto name : split(text, ',')) {
    if (!is_module_name(name)) return fail("'" + std::string(name) + "' is no module name");
    names.emplace_back(name);
  }
  return names;
}

std::string join(const std::vector<std::string>& names) {
  std::string text;
  for (const auto& name : names) {
    if (!text.empty()) text += ',';
    text += name;
  }
  return text;
}

/// NAME|DEPS|PARAMS|CLASS. Only PARAMS may contain a '|' of its own.
Result<ModuleEntry> parse_module(std::string_view text) {
  const auto first = text.find('|');
  const auto second = first == std::string_view::npos ? first : text.find('|', first + 1);
  const auto last = text.rfind('|');
  if (second == std::string_view::npos || last == second)
    return fail("write NAME|DEPS|PARAMS|CLASS");
  ModuleEntry module;
  module.name = text.substr(0, first);
  if (!is_module_name(module.name)) return fail("'" + module.name + "' is no module name");
  auto deps = parse_module_names(text.substr(first + 1, second - first - 1));
  if (!deps) return std::move(deps).error();
  module.deps = *std::move(deps);
  module.params = text.substr(second + 1, last - second - 1);
  module.driver_class = text.substr(last + 1);
  const auto& c = module.driver_class;
  if (!c.empty() && c != "storage" && c != "net" && c != "fs" && c != "watchdog") {
    return fail("unknown class '" + c + "'");
  }
  return module;
}

Result<FilesystemEntry> parse_filesystem(std::string_view text) {
  const auto colon = text.find(':');
  if (colon == std::string_view::npos || colon == 0) return fail("write TYPE:MODULES");
  FilesystemEntry filesystem;
  filesystem.type = text.substr(0, colon);
  if (!all_of(filesystem.type, [](char c) { return is_alnum(c) || c == '_' || c == '-'; })) {
    return fail("'" + filesystem.type + "' is no filesystem type");
  }
  auto modules = parse_module_names(text.substr(colon + 1));
  if (!modules) return std::move(modules).error();
  filesystem.modules = *std::move(modules);
  return filesystem;
}

// Setters that several keys share. Each says what would have been right.
template <class T>
Status store(Result<T> parsed, T& into) {
  if (!parsed) return std::move(parsed).error();
  into = *std::move(parsed);
  return {};
}
template <class T>
Status append(Result<T> parsed, std::vector<T>& into) {
  if (!parsed) return std::move(parsed).error();
  into.push_back(*std::move(parsed));
  return {};
}
template <class T, std::size_t N>
Status store_name(const Name<T> (&names)[N], std::string_view text, T& into) {
  if (const auto value = by_name(names, text)) {
    into = *value;
    return {};
  }
  std::string known;
  for (const auto& name : names)
    known += (known.empty() ? "" : ", ") + std::string(name.text);
  return fail("'" + std::string(text) + "' is none of " + known);
}
Status store_bool(std::string_view text, bool& into) {
  if (text != "0" && text != "1") return fail("'" + std::string(text) + "' is neither 0 nor 1");
  into = text == "1";
  return {};
}
Status store_final(std::string_view text, FinalAction& into) {
  if (text == "shell") return fail("'shell' is none of reboot, poweroff, halt");
  return store_name(kActions, text, into);
}

/// The keys that both the file and the command line know, lists apart. False: another key.
bool set_common(std::string_view key, std::string_view value, CaptureConfig& config,
                Status& status) {
  if (key == "deadline") {
    status = store(parse_duration(value), config.deadline);
    if (status) config.deadline_extends = false;
  } else if (key == "wait") {
    status = store(parse_duration(value), config.wait);
  } else if (key == "stall") {
    status = store(parse_duration(value), config.stall);
  } else if (key == "final") {
    status = store_final(value, config.final_action);
  } else if (key == "shell") {
    status = store_bool(value, config.shell);
  } else if (key == "debug") {
    status = store_bool(value, config.debug);
  } else {
    return false;
  }
  return true;
}

Status set_dump_level(std::string_view value, CaptureConfig& config) {
  const auto level = parse_number(value);
  if (!level || *level > 31) return fail("the level is not in 0..31");
  config.dump.level = static_cast<int>(*level);
  return {};
}

Status set_keep(std::string_view value, CaptureConfig& config) {
  TRY_ASSIGN(keep, parse_number(value));
  config.keep = keep;
  return {};
}

Status set_reserve(std::string_view value, CaptureConfig& config) {
  TRY_ASSIGN(reserve, parse_size(value));
  config.reserve = reserve;
  return {};
}

Status set_filter_check(std::string_view value, CaptureConfig& config) {
  TRY_ASSIGN(check, parse_filter_check(value));
  config.filter_check = std::move(check);
  return {};
}

Status set_of_target(std::string_view key, std::string_view value, CaptureConfig& config) {
  if (config.targets.empty()) return fail("stands before the first target=");
  auto& target = config.targets.back();
  if (key == "drivers") return store(parse_module_names(value), target.drivers);
  if (key == "channel") return append(parse_ccw_device(value), target.ccw_devices);
  if (key == "layer") return append(parse_layer(value), target.layers);
  return store_name(kAutoloads, value, target.autoload);
}

Status set_from_file(std::string_view key, std::string_view value, CaptureConfig& config) {
  Status status;
  if (set_common(key, value, config, status)) return status;
  if (key == "target") {
    auto spec = parse_target(value);
    if (!spec) return std::move(spec).error();
    config.targets.push_back({*std::move(spec), {}, Autoload::kNone, {}, {}});
    return {};
  }
  if (key == "drivers" || key == "autoload" || key == "channel" || key == "layer")
    return set_of_target(key, value, config);
  if (key == "module") return append(parse_module(value), config.modules);
  if (key == "watchdog") return store(parse_module_names(value), config.watchdog.drivers);
  if (key == "watchdog_autoload") return store_bool(value, config.watchdog.autoload);
  if (key == "filesystem") return append(parse_filesystem(value), config.filesystems);
  if (key == "ip") return append(parse_ip(value), config.ip);
  if (key == "vlan") return append(parse_vlan(value), config.vlan);
  if (key == "bond") return append(parse_bond(value), config.bond);
  if (key == "route") return append(parse_route(value), config.route);
  if (key == "deadline_extends") return store_bool(value, config.deadline_extends);
  if (key == "on_failure") return store_name(kActions, value, config.on_failure);
  if (key == "shell_allowed") return store_bool(value, config.shell_allowed);
  if (key == "kernel") {
    config.kernel = value;
    return {};
  }
  if (key == "filter_check") return set_filter_check(value, config);
  if (key == "keep") return set_keep(value, config);
  if (key == "reserve") return set_reserve(value, config);
  if (key == "dump_level") return set_dump_level(value, config);
  if (key == "dump_format") return store_name(kDumpFormats, value, config.dump.format);
  if (key == "dump_compress") return store_name(kDumpCodecs, value, config.dump.codec);
  return fail("unknown key");
}

/// What the targets of the command line take over from the baked ones.
struct BakedTargets {
  std::vector<std::string> drivers;
  std::vector<CcwDevice> ccw_devices;
  std::vector<StorageLayer> layers;
  bool autoload = false;
};

template <class T>
void append_new(std::vector<T>& into, const std::vector<T>& more) {
  for (const auto& value : more)
    if (std::find(into.begin(), into.end(), value) == into.end()) into.push_back(value);
}

BakedTargets together(const std::vector<TargetEntry>& targets) {
  BakedTargets all;
  for (const auto& target : targets) {
    all.autoload |= target.autoload != Autoload::kNone;
    append_new(all.drivers, target.drivers);
    append_new(all.ccw_devices, target.ccw_devices);
    append_new(all.layers, target.layers);
  }
  return all;
}

TargetEntry overriding(TargetSpec spec, const BakedTargets& baked) {
  const Autoload own = needs_network(spec) ? Autoload::kNet : Autoload::kStorage;
  return {std::move(spec), baked.drivers, baked.autoload ? own : Autoload::kNone, baked.ccw_devices,
          baked.layers};
}

/// The next parameter of a kernel command line, without its quotes; nothing at the end or at "--".
/// As next_arg() of the kernel's lib/cmdline.c: blanks within double quotes do not separate.
std::optional<std::string> next_parameter(std::string_view& rest) {
  rest = trim(rest);
  if (rest.empty()) return std::nullopt;
  bool quoted = false;
  std::string parameter;
  std::size_t i = 0;
  for (; i < rest.size(); ++i) {
    const char c = rest[i];
    if (!quoted && (c == ' ' || c == '\t' || c == '\n' || c == '\r')) break;
    if (c == '"') {
      quoted = !quoted;
    } else {
      parameter += c;
    }
  }
  rest.remove_prefix(i);
  if (parameter == "--") return std::nullopt;
  return parameter;
}

}  // namespace

Result<CaptureConfig> parse_config(std::string_view text) {
  if (text.size() > kMaxConfigBytes) return fail("the configuration is larger than 1 MiB");
  CaptureConfig config;
  std::size_t number = 0;
  for (auto line : split(text, '\n')) {
    ++number;
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (trim(line).empty() || line.front() == '#') continue;
    const auto equals = line.find('=');
    const auto key = line.substr(0, equals);
    const auto set = equals == std::string_view::npos
                         ? Status(fail("no '=' in this line"))
                         : set_from_file(key, line.substr(equals + 1), config);
    if (!set) {
      return fail("line " + std::to_string(number) + ": " + std::string(key.substr(0, 80)) + ": " +
                  set.error().message);
    }
  }
  const bool wants_shell = config.shell || config.on_failure == FinalAction::kShell;
  if (wants_shell && !config.shell_allowed)
    return fail("a shell is asked for without shell_allowed");
  return config;
}

std::string format_config(const CaptureConfig& config) {
  std::string text;
  const auto line = [&text](std::string_view key, std::string_view value) {
    text.append(key).append("=").append(value).append("\n");
  };
  const auto flag = [&line](std::string_view key, bool value) { line(key, value ? "1" : "0"); };
  for (const auto& target : config.targets) {
    line("target", to_string(target.spec));
    if (!target.drivers.empty()) line("drivers", join(target.drivers));
    if (target.autoload != Autoload::kNone) line("autoload", name_of(kAutoloads, target.autoload));
    for (const auto& channel : target.ccw_devices)
      line("channel", to_string(channel));
    for (const auto& layer : target.layers)
      line("layer", to_string(layer));
  }
  if (!config.watchdog.drivers.empty()) line("watchdog", join(config.watchdog.drivers));
  if (config.watchdog.autoload) flag("watchdog_autoload", true);
  for (const auto& m : config.modules) {
    line("module", m.name + "|" + join(m.deps) + "|" + m.params + "|" + m.driver_class);
  }
  for (const auto& f : config.filesystems)
    line("filesystem", f.type + ":" + join(f.modules));
  for (const auto& ip : config.ip)
    line("ip", to_string(ip));
  for (const auto& vlan : config.vlan)
    line("vlan", to_string(vlan));
  for (const auto& bond : config.bond)
    line("bond", to_string(bond));
  for (const auto& route : config.route)
    line("route", to_string(route));
  line("deadline", format_duration(config.deadline));
  if (config.deadline_extends) flag("deadline_extends", true);
  line("wait", format_duration(config.wait));
  line("stall", format_duration(config.stall));
  line("final", to_string(config.final_action));
  line("on_failure", to_string(config.on_failure));
  flag("shell_allowed", config.shell_allowed);
  flag("shell", config.shell);
  flag("debug", config.debug);
  if (!config.kernel.empty()) line("kernel", config.kernel);
  if (config.filter_check) line("filter_check", to_string(*config.filter_check));
  line("dump_level", std::to_string(config.dump.level));
  line("dump_format", to_string(config.dump.format));
  line("dump_compress", to_string(config.dump.codec));
  if (config.keep != 0) line("keep", std::to_string(config.keep));
  if (config.reserve) line("reserve", std::to_string(*config.reserve));
  return text;
}

void apply_cmdline(std::string_view cmdline, CaptureConfig& config,
                   std::vector<std::string>& complaints) {
  const BakedTargets baked = together(config.targets);
  std::vector<TargetEntry> targets;
  std::vector<IpSpec> ip;
  while (const auto parameter = next_parameter(cmdline)) {
    std::string_view key = *parameter;
    if (!consume(key, "capture.")) continue;
    const auto equals = key.find('=');
    const bool bare = equals == std::string_view::npos;
    const std::string_view value = bare ? "1" : key.substr(equals + 1);
    key = key.substr(0, equals);

    Status status;
    if (key == "target") {
      auto spec = parse_target(value);
      if (spec) {
        targets.push_back(overriding(*std::move(spec), baked));
      } else {
        status = std::move(spec).error();
      }
    } else if (key == "ip") {
      status = append(parse_ip(value), ip);
    } else if (key == "on_failure") {
      status = store_name(kActions, value, config.on_failure);
      if (config.on_failure == FinalAction::kShell && !config.shell_allowed) {
        config.on_failure = FinalAction::kReboot;
        status = fail("this image was built without a shell");
      }
    } else if (bare && key != "shell" && key != "debug") {
      status = fail("a value is missing");
    } else if (key == "shell" && !config.shell_allowed) {
      status = fail("this image was built without a shell");
    } else if (!set_common(key, value, config, status)) {
      status = fail("unknown parameter");
    }
    if (!status) {
      complaints.push_back("capture." + std::string(key.substr(0, 80)) +
                           " ignored: " + status.error().message);
    }
  }
  if (!targets.empty()) config.targets = std::move(targets);
  if (!ip.empty()) config.ip = std::move(ip);
}

std::string_view to_string(FinalAction a) {
  return name_of(kActions, a);
}
std::optional<FinalAction> parse_final_action(std::string_view text) {
  return by_name(kActions, text);
}

}  // namespace mkcapture
