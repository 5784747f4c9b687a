#include "builder/ask/request.h"

#include <fmt/format.h>

#include <algorithm>
#include <type_traits>

#include "modules/kernel_tree.h"

namespace mkcapture {

namespace {

// Reads the settings' values one after the other; the first error is kept and ends it.
class Reader {
 public:
  explicit Reader(const Settings& settings) : settings_(settings) {}

  void text(const char* key, std::string& into) {
    if (const Given* given = non_empty(key)) into = given->text;
  }
  void text(const char* key, std::optional<std::string>& into) {
    if (const Given* given = non_empty(key)) into = given->text;
  }
  void text(const char* key, std::optional<From<std::string>>& into) {
    if (const Given* given = non_empty(key)) into = {given->text, given->origin};
  }
  void flag(const char* key, bool& into) {
    if (const Given* given = settings_.last(key)) into = given->text == "true";
  }
  // By way of `parse`: string_view -> Result<T>.
  template <class T, class Parse>
  void value(const char* key, T& into, Parse parse) {
    const Given* given = settings_.last(key);
    if (given == nullptr || error_) return;
    if (auto parsed = parse(given->text))
      into = std::move(*parsed);
    else
      blame(*given, parsed.error().message);
  }
  template <class T, class Parse>
  void list(const char* key, std::vector<From<T>>& into, Parse parse) {
    for (const Given& given : settings_.all(key)) {
      if (error_) return;
      auto parsed = parse(given.text);
      if (!parsed) return blame(given, parsed.error().message);
      into.push_back({std::move(*parsed), given.origin});
    }
  }
  // One of the words that `parse` (string_view -> optional<T>) knows.
  template <class T, class Parse>
  void word(const char* key, T& into, Parse parse, const char* words) {
    using Word = typename std::invoke_result_t<Parse, const std::string&>::value_type;
    value(key, into, [&](const std::string& given) -> Result<Word> {
      if (const auto known = parse(given)) return *known;
      return fail(fmt::format("'{}' is none of {}", given, words));
    });
  }
  void blame(const Given& given, const std::string& why) {
    if (!error_) error_ = usage_error(given.origin, why);
  }
  void blame(const char* key, const std::string& why) {
    if (const Given* given = settings_.last(key)) blame(*given, why);
  }
  [[nodiscard]] Status status() const { return error_ ? Status(*error_) : Status(); }

 private:
  const Given* non_empty(const char* key) {
    const Given* given = settings_.last(key);
    if (given != nullptr && given->text.empty()) {
      blame(*given, "must not be empty");
      return nullptr;
    }
    return given;
  }
  const Settings& settings_;
  std::optional<Error> error_;
};

Result<std::string> parse_module_name(const std::string& text) {
  std::string name = text;
  if (name.ends_with(".ko")) name.resize(name.size() - 3);
  const bool plain = !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
  });
  if (!plain) return fail(fmt::format("'{}' is no module name", text));
  return normal_name(name);
}

Result<DriverChoice> parse_drivers(const std::string& text) {
  DriverChoice choice;
  if (text == "host" || text == "generic") {
    choice.kind = text == "host" ? DriverChoice::Kind::kHost : DriverChoice::Kind::kGeneric;
    return choice;
  }
  choice.kind = DriverChoice::Kind::kList;
  for (std::size_t at = 0; at <= text.size();) {
    const auto end = std::min(text.find(',', at), text.size());
    auto name = parse_module_name(text.substr(at, end - at));
    if (!name)
      return fail("'host', 'generic' or module names with commas between are wanted; " +
                  name.error().message);
    choice.list.push_back(std::move(*name));
    at = end + 1;
  }
  return choice;
}

Result<ModuleOption> parse_module_option(const std::string& text) {
  const auto dot = text.find('.');
  if (dot == std::string::npos) return fail("NAME.PARAM=VALUE is wanted");
  auto name = parse_module_name(text.substr(0, dot));
  if (!name) return std::move(name).error();
  const std::string option = text.substr(dot + 1);
  const bool plain = std::none_of(option.begin(), option.end(), [](char c) {
    return static_cast<unsigned char>(c) <= ' ' || c == 0x7f;
  });
  if (option.empty() || option.front() == '=' || !plain)
    return fail("NAME.PARAM=VALUE without blanks is wanted");
  return ModuleOption{std::move(*name), option};
}

std::optional<Signatures> parse_signatures(std::string_view text) {
  if (text == "auto") return Signatures::kAuto;
  if (text == "keep") return Signatures::kKeep;
  if (text == "drop") return Signatures::kDrop;
  return std::nullopt;
}

Result<AddedFile> parse_added_file(const std::string& text) {
  AddedFile file;
  const auto colon = text.find(':');
  file.source = text.substr(0, colon);
  if (colon != std::string::npos) file.destination = text.substr(colon + 1);
  if (file.source.empty() || (colon != std::string::npos && file.destination.empty()))
    return fail("SRC or SRC:DST is wanted");
  if (colon == std::string::npos && !file.source.starts_with('/'))
    return fail("a relative SRC needs a :DST");
  return file;
}

Result<int> parse_level(const std::string& text) {
  const auto number = parse_number(text);
  if (!number || *number > 31) return fail(fmt::format("'{}' is not within 0..31", text));
  return static_cast<int>(*number);
}

Result<std::uint64_t> parse_keep(const std::string& text) {
  const auto number = parse_number(text);
  if (!number || *number == 0)
    return fail(fmt::format("'{}' is no number of dumps, 1 or more", text));
  return *number;
}

Result<std::optional<std::uint64_t>> parse_reserve(const std::string& text) {
  auto size = parse_size(text);
  if (!size) return std::move(size).error();
  return std::optional<std::uint64_t>(*size);
}

void read_dump(Reader& reader, Request& request) {
  DumpWanted wanted;
  reader.value("dump.level", wanted.level,
               [](const std::string& text) -> Result<std::optional<int>> {
                 auto level = parse_level(text);
                 if (!level) return std::move(level).error();
                 return std::optional<int>(*level);
               });
  reader.word(
      "dump.format", wanted.format,
      [](const std::string& text) -> std::optional<DumpFormat> {
        return text == "flat" ? std::nullopt : parse_dump_format(text);
      },
      "elf, kdump");
  reader.word("dump.compress", wanted.codec, parse_dump_codec, "none, zlib, lzo, snappy, zstd");
  if (!reader.status()) return;
  auto choice = choose_dump(wanted);
  if (!choice) return reader.blame("dump.compress", choice.error().message);
  request.dump = *choice;
}

void read_end(Reader& reader, Request& request) {
  reader.value("deadline", request.deadline, parse_duration);
  reader.value("wait", request.wait, parse_duration);
  reader.value("stall", request.stall, parse_duration);
  reader.flag("shell", request.shell);
  reader.word(
      "final", request.final_action,
      [](const std::string& text) -> std::optional<FinalAction> {
        const auto action = parse_final_action(text);
        return action == FinalAction::kShell ? std::nullopt : action;
      },
      "reboot, poweroff, halt");
  reader.word("on_failure", request.on_failure, parse_final_action,
              "reboot, poweroff, halt, shell");
  if (request.on_failure == FinalAction::kShell && !request.shell)
    reader.blame("on_failure", "shell needs --shell: without it the image holds none");
}

}  // namespace

Result<Request> parse_request(const Settings& settings) {
  const CaptureConfig defaults;
  Request request;
  request.deadline = defaults.deadline;
  request.wait = defaults.wait;
  request.stall = defaults.stall;

  Reader reader(settings);
  reader.text("profile", request.profile);
  reader.text("output", request.output);
  reader.text("kernel", request.kernel);
  reader.text("kernel_image", request.kernel_image);
  reader.text("root", request.root);
  reader.text("payload", request.payload);
  reader.text("on_dump", request.on_dump);
  reader.list("targets", request.targets, parse_target);
  reader.list("ip", request.ip, parse_ip);
  reader.list("vlan", request.vlan, parse_vlan);
  reader.list("bond", request.bond, parse_bond);
  reader.text("ssh_key", request.ssh_key);
  reader.text("ssh_known_hosts", request.ssh_known_hosts);
  if (const Given* given = settings.last("deadline")) request.deadline_origin = given->origin;
  reader.value("drivers", request.drivers, parse_drivers);
  if (const Given* given = settings.last("drivers")) request.drivers.origin = given->origin;
  reader.list("add_driver", request.add_driver, parse_module_name);
  reader.list("omit_driver", request.omit_driver, parse_module_name);
  reader.list("module_option", request.module_option, parse_module_option);
  reader.word("signatures", request.signatures, parse_signatures, "keep, drop, auto");
  reader.list("channel", request.channel, parse_ccw_device);
  reader.list("add_file", request.add_file, parse_added_file);
  std::optional<Compressor> compress;
  reader.word("compress", compress, parse_compressor, "zstd, xz, gzip, lz4, none");
  if (compress) request.compress = {*compress, settings.last("compress")->origin};
  for (const Given& given : settings.all("append"))
    request.append += (request.append.empty() ? "" : " ") + given.text;
  read_dump(reader, request);
  read_end(reader, request);
  reader.value("keep", request.keep, parse_keep);
  reader.value("reserve", request.reserve, parse_reserve);
  TRY(reader.status());

  while (request.root.size() > 1 && request.root.ends_with('/'))
    request.root.pop_back();
  return request;
}

}  // namespace mkcapture
