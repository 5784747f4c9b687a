#include "builder/service/check_record.h"

#include <nlohmann/json.hpp>

namespace mkcapture {

using Json = nlohmann::ordered_json;

std::optional<CheckStatus> read_check(Host& host) {
  const auto text = host.read_file(kCheckPath);
  if (!text) return std::nullopt;
  const auto json = Json::parse(*text, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  try {
    return CheckStatus{json.at("at").get<std::int64_t>(), json.at("good").get<bool>(),
                       json.at("why").get<std::string>()};
  } catch (const nlohmann::json::exception&) {
    return std::nullopt;
  }
}

Status write_check(Host& host, const CheckStatus& check) {
  const Json json = {{"at", check.at}, {"good", check.good}, {"why", check.why}};
  return host.write_file(kCheckPath,
                         json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n", 0644);
}

}  // namespace mkcapture
