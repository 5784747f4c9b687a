#include "builder/plan/filter.h"

#include <fmt/format.h>

#include <cstdlib>

namespace mkcapture {

namespace {

// Whether the image's kernel runs here, and its dump needs the filter.
bool can_be_asked(Host& host, const Plan& plan) {
  constexpr int kByDescriptors = 2 | 4 | 8 | 16;
  return plan.this_machine && plan.kernel.release == host.kernel_release() &&
         (plan.capture.dump.level & kByDescriptors) != 0;
}

// Why it is not compared; empty where it is.
std::string why_not(Host& host, const Plan& plan) {
  if (std::getenv("SOURCE_DATE_EPOCH") != nullptr)
    return "SOURCE_DATE_EPOCH asks for the same image each time";
  if (!host.is_file(plan.image.payload + "/savecore"))
    return plan.image.payload + " has no savecore";
  return "";
}

void warn_of_doubts(Plan& plan) {
  const FilterCheck& check = *plan.filter;
  const int wanted = plan.capture.dump.level;
  const int kept = wanted & check.doubtful_bits();
  if (kept != 0) {
    std::string differing;
    for (std::size_t i = 0; i < check.classes.size(); ++i)
      if (check.classes[i].differ > 0)
        differing +=
            fmt::format("{}{}: {} of {}", differing.empty() ? "" : ", ", FilterCheck::kNames[i],
                        check.classes[i].differ, check.classes[i].pages);
    plan.warnings.push_back(
        fmt::format("the page filter and kernel {} do not agree about its pages ({} differ): the "
                    "dump will have level {}, not {}",
                    check.release, differing, wanted & ~kept, wanted));
  } else if ((wanted & ~check.level) != 0) {
    plan.warnings.push_back(fmt::format(
        "the page filter does not know all of kernel {}: the dump will have level {}, not {}",
        check.release, wanted & check.level, wanted));
  }
}

}  // namespace

Result<FilterCheck> compare_filter(Host& host, const std::string& payload,
                                   const std::string& release, int level) {
  TRY_ASSIGN(said,
             host.run({payload + "/savecore", "--check", "--line", "-d", std::to_string(level)}));
  TRY_ASSIGN(check, parse_filter_check(said.substr(0, said.find('\n'))));
  if (check.release != release) return fail("it says that kernel " + check.release + " runs");
  return check;
}

void plan_filter(Host& host, Plan& plan) {
  if (!can_be_asked(host, plan)) return;
  if (const std::string reason = why_not(host, plan); !reason.empty()) {
    plan.notes.push_back("the page filter is not compared with the running kernel: " + reason);
    return;
  }
  auto check =
      compare_filter(host, plan.image.payload, plan.kernel.release, plan.capture.dump.level);
  if (!check) {
    plan.notes.push_back("the page filter is not compared with the running kernel: " +
                         check.error().message);
    return;
  }
  plan.filter = std::move(*check);
  warn_of_doubts(plan);
}

}  // namespace mkcapture
