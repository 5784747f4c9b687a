#include "builder/service/arm_state.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace mkcapture {

namespace {

using Json = nlohmann::ordered_json;

ArmState state_of(const Json& json) {
  ArmState state;
  state.built = json.at("built").get<std::int64_t>();
  state.why = json.at("why").get<std::vector<std::string>>();
  state.from.release = json.at("kernel").get<std::string>();
  state.from.kernel_image = json.at("kernel_image").get<std::string>();
  state.from.payload = json.at("payload").get<std::string>();
  for (const auto& target : json.at("targets"))
    state.from.targets.push_back(
        {target.at("spec").get<std::string>(), target.at("address").get<std::string>()});
  for (const auto& input : json.at("inputs"))
    state.inputs.push_back(
        {input.at("what").get<std::string>(), input.at("value").get<std::string>()});
  state.load = json.at("load").get<std::string>();
  state.image_bytes = json.at("image_bytes").get<std::uint64_t>();
  state.needed_bytes = json.at("needed_bytes").get<std::uint64_t>();
  state.warnings = json.at("warnings").get<std::vector<std::string>>();
  if (json.contains("filter_check")) {
    auto check = parse_filter_check(json.at("filter_check").get<std::string>());
    if (check) state.filter = std::move(*check);
  }
  return state;
}

}  // namespace

std::string prepared_image_path(const std::string& release) {
  return fmt::format("/var/lib/mkcapture/capture-{}.img", release);
}

std::string prepared_state_path(const std::string& release) {
  return fmt::format("/var/lib/mkcapture/capture-{}.json", release);
}

Result<std::optional<ArmState>> read_arm_state(Host& host, const std::string& path) {
  const auto text = host.read_file(path);
  if (!text && text.error().kind == ErrorKind::kUnavailable) return std::optional<ArmState>();
  if (!text) return Error(text.error());
  try {
    return std::optional(state_of(Json::parse(*text)));
  } catch (const nlohmann::json::exception& error) {
    return fail(fmt::format("{}: {}; mkcapture arm writes it anew", path, error.what()));
  }
}

std::string format_arm_state(const ArmState& state) {
  Json targets = Json::array(), inputs = Json::array();
  for (const auto& target : state.from.targets)
    targets.push_back({{"spec", target.spec}, {"address", target.address}});
  for (const auto& input : state.inputs)
    inputs.push_back({{"what", input.what}, {"value", input.value}});
  Json json = {{"built", state.built},
               {"why", state.why},
               {"kernel", state.from.release},
               {"kernel_image", state.from.kernel_image},
               {"payload", state.from.payload},
               {"targets", targets},
               {"inputs", inputs},
               {"load", state.load},
               {"image_bytes", state.image_bytes},
               {"needed_bytes", state.needed_bytes},
               {"warnings", state.warnings}};
  if (state.filter) json["filter_check"] = to_string(*state.filter);
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::optional<Loaded> read_loaded(Host& host) {
  const auto text = host.read_file(kLoadedPath);
  if (!text) return std::nullopt;
  const auto json = Json::parse(*text, nullptr, false);
  if (!json.is_object() || !json.contains("built") || !json["built"].is_number_integer() ||
      !json.contains("at") || !json["at"].is_number_integer())
    return std::nullopt;
  return Loaded{json["built"].get<std::int64_t>(), json["at"].get<std::int64_t>()};
}

Status write_loaded(Host& host, const Loaded& loaded) {
  const Json json = {{"built", loaded.built}, {"at", loaded.at}};
  return host.write_file(kLoadedPath, json.dump() + "\n", 0644);
}

}  // namespace mkcapture
