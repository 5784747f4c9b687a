#include "builder/plan/pack.h"

#include <fmt/format.h>

#include <algorithm>

namespace mkcapture {

namespace {

// Missing firmware is worth a line, and a generic image's hundred lines are worth one.
void add_image_notes(const std::vector<std::string>& lines, Plan& plan) {
  constexpr std::size_t kFew = 3;
  if (lines.size() <= kFew) {
    plan.notes.insert(plan.notes.end(), lines.begin(), lines.end());
    return;
  }
  std::vector<std::string> drivers;
  for (const auto& line : lines) {
    const std::string driver = line.substr(0, line.find(' '));
    if (std::find(drivers.begin(), drivers.end(), driver) == drivers.end())
      drivers.push_back(driver);
  }
  plan.notes.push_back(
      fmt::format("{} firmware files that these drivers may ask for are not on this machine: {}",
                  lines.size(), fmt::join(drivers, ", ")));
}

}  // namespace

Result<PackedImage> pack(Plan& plan) {
  if (!plan.no_payload.empty()) return fail(plan.no_payload);
  PackedImage packed;
  std::vector<std::string> lines;
  auto contents = assemble_image(plan.image, lines);
  if (!contents) return std::move(contents).error();
  add_image_notes(lines, plan);
  packed.contents = std::move(*contents);
  auto bytes = pack_image(packed.contents, plan.compress, plan.mtime, packed.sizes);
  if (!bytes) return std::move(bytes).error();
  packed.bytes = std::move(*bytes);
  return packed;
}

}  // namespace mkcapture
