#include <fmt/format.h>

#include <ctime>
#include <nlohmann/json.hpp>

#include "builder/service/status.h"
#include "init/base/units.h"

namespace mkcapture {

namespace {

using Json = nlohmann::ordered_json;

std::string time_words(std::int64_t seconds) {
  const auto at = static_cast<std::time_t>(seconds);
  std::tm utc{};
  char text[32];
  if (gmtime_r(&at, &utc) == nullptr ||
      std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", &utc) == 0)
    return "";
  return text;
}

std::string_view verdict(const StatusReport& report) {
  switch (exit_status(report)) {
    case 0:
      return "armed";
    case 3:
      return "armed with warnings";
    default:
      return "not armed";
  }
}

void line(std::string& out, std::string_view name, const std::string& value) {
  out += fmt::format("  {:<12}{}\n", name, value);
}

std::string target_words(const TargetStatus& target) {
  std::string words = target.spec;
  if (!target.present) words += ", not on this machine";
  if (target.free) words += fmt::format(", {} free", format_size(*target.free));
  if (target.next_dump > 0)
    words += fmt::format(", the next dump about {}", format_size(target.next_dump));
  return words;
}

Json findings_json(const std::vector<Finding>& findings) {
  Json all = Json::array();
  for (const auto& finding : findings)
    all.push_back({{"code", finding.code}, {"text", finding.text}});
  return all;
}

Json target_json(const TargetStatus& target) {
  Json json = {{"spec", target.spec},
               {"present", target.present},
               {"folder", target.folder},
               {"free_bytes", nullptr},
               {"next_dump_bytes", target.next_dump}};
  if (target.free) json["free_bytes"] = *target.free;
  return json;
}

Json filter_json(const FilterCheck& check) {
  Json classes = Json::object();
  for (std::size_t i = 0; i < check.classes.size(); ++i)
    classes[std::string(FilterCheck::kNames[i])] = {{"pages", check.classes[i].pages},
                                                    {"differ", check.classes[i].differ}};
  return {{"kernel", check.release},
          {"build_id", check.build_id},
          {"level", check.level & ~check.doubtful_bits()},
          {"pages", check.pages()},
          {"differ", check.differ()},
          {"classes", classes}};
}

Json image_json(const StatusFacts& facts) {
  if (!facts.image || !facts.image_file) return nullptr;
  return {{"file", kImagePath},
          {"bytes", facts.image->image_bytes},
          {"kernel", facts.image->from.release},
          {"built", facts.image->built},
          {"why", facts.image->why},
          {"changed", facts.changed},
          {"needs_bytes", facts.image->needed_bytes},
          {"filter", facts.image->filter ? filter_json(*facts.image->filter) : Json(nullptr)}};
}

}  // namespace

std::string status_text(const StatusReport& report) {
  const auto& facts = report.facts;
  std::string out = fmt::format("{}\n", verdict(report));
  for (const auto& problem : report.problems)
    out += fmt::format("  problem: {}\n", problem.text);
  for (const auto& warning : report.warnings)
    out += fmt::format("  warning: {}\n", warning.text);
  if (facts.kernel.reserved)
    line(out, "reserved", fmt::format("{}M", *facts.kernel.reserved >> 20));
  line(out, "kernel", facts.running_release);
  if (facts.image && facts.image_file)
    line(out, "image",
         fmt::format("for {}, {}, built {}", facts.image->from.release,
                     format_size(facts.image->image_bytes), time_words(facts.image->built)));
  if (facts.image && facts.image_file && facts.image->filter)
    line(out, "page filter",
         fmt::format("{} of {} pages differ from what kernel {} says of them",
                     facts.image->filter->differ(), facts.image->filter->pages(),
                     facts.image->filter->release));
  if (facts.loaded && facts.kernel.loaded) line(out, "loaded", time_words(facts.loaded->at));
  for (const auto& target : facts.targets)
    line(out, "target", target_words(target));
  line(out, "last check",
       facts.check ? fmt::format("{}, {}", time_words(facts.check->at),
                                 facts.check->good ? "all targets work" : "not all targets work")
                   : "never");
  line(out, "last dump", facts.last_dump.empty() ? "none" : facts.last_dump);
  return out;
}

std::string status_json(const StatusReport& report) {
  const auto& facts = report.facts;
  Json targets = Json::array();
  for (const auto& target : facts.targets)
    targets.push_back(target_json(target));
  Json json = {{"version", 1},
               {"status", verdict(report)},
               {"exit", exit_status(report)},
               {"armed", report.problems.empty()},
               {"problems", findings_json(report.problems)},
               {"warnings", findings_json(report.warnings)},
               {"reserved_bytes", facts.kernel.reserved.value_or(0)},
               {"loaded", facts.kernel.loaded},
               {"loaded_at", nullptr},
               {"lockdown", facts.kernel.lockdown},
               {"kernel", facts.running_release},
               {"image", image_json(facts)},
               {"targets", targets},
               {"check", nullptr},
               {"last_dump", facts.last_dump},
               {"new_dumps", facts.new_dumps}};
  if (facts.loaded) json["loaded_at"] = facts.loaded->at;
  if (facts.check)
    json["check"] = {
        {"at", facts.check->at}, {"good", facts.check->good}, {"why", facts.check->why}};
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace mkcapture
