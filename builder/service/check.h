// mkcapture check: does each target work now?
//
// The image's programs, keys and configuration are put into a folder of their own, and target-check
// (init/check/) goes each target's way there, by /init's code. What differs from a capture is only
// what the living machine has already: drivers, device nodes, the network.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "builder/plan/plan.h"
#include "builder/service/inputs.h"

namespace mkcapture {

struct TargetCheck {
  std::string spec;
  bool good = false;
  std::string step;  // that failed
  ErrorKind kind = ErrorKind::kBroken;
  int code = 0;                       // errno, where the system gave one
  std::string why;                    // that step's reason
  std::string way_out;                // empty where the reason says it
  std::string note;                   // what the target cannot promise of its bytes
  std::optional<std::uint64_t> free;  // bytes
  std::vector<std::string> log;       // as the capture's would be
};

struct CheckReport {
  std::int64_t at = 0;
  std::vector<TargetCheck> targets;
  [[nodiscard]] bool good() const;
};

/// What target-check printed. Anything that it does not print is a failure of itself.
[[nodiscard]] TargetCheck parse_target_check(std::string_view output);
/// What to do about it, by the step and its error; empty where the reason says it all.
[[nodiscard]] std::string way_out(const TargetSpec& spec, std::string_view step, ErrorKind kind,
                                  int code);

/// Checks each target of the plan that an image would be built from now, and keeps the result for
/// `status`. An error where there is no such plan, or none for this machine.
[[nodiscard]] Result<CheckReport> check_targets(const Wanted& wanted, Host& host);

[[nodiscard]] std::string check_text(const CheckReport& report, bool verbose);
[[nodiscard]] std::string check_json(const CheckReport& report);

}  // namespace mkcapture
