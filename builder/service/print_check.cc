#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "builder/service/check.h"
#include "init/base/units.h"

namespace mkcapture {

using Json = nlohmann::ordered_json;

std::string check_text(const CheckReport& report, bool verbose) {
  std::string out;
  for (const auto& target : report.targets) {
    if (verbose)
      for (const auto& line : target.log)
        out += fmt::format("  | {}\n", line);
    if (target.good) {
      out += fmt::format("{}: works{}{}\n", target.spec,
                         target.free ? fmt::format(", {} free", format_size(*target.free)) : "",
                         target.note.empty() ? "" : "; " + target.note);
      continue;
    }
    out += fmt::format("{}: failed at step {}: {}\n", target.spec, target.step, target.why);
    if (!target.way_out.empty()) out += fmt::format("  {}\n", target.way_out);
  }
  return out;
}

std::string check_json(const CheckReport& report) {
  Json targets = Json::array();
  for (const auto& target : report.targets) {
    Json json = {{"spec", target.spec},  {"good", target.good},       {"step", target.step},
                 {"reason", target.why}, {"way_out", target.way_out}, {"note", target.note},
                 {"free_bytes", nullptr}};
    if (target.free) json["free_bytes"] = *target.free;
    targets.push_back(std::move(json));
  }
  const Json json = {
      {"version", 1}, {"at", report.at}, {"good", report.good()}, {"targets", targets}};
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace mkcapture
