// mkcapture status: is this machine protected?
//
// machine_status() looks, judge() decides from what was seen, and the printers print. It asks no
// network and writes nothing; the limits on its time are those of a few small files.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "builder/service/arm_state.h"
#include "builder/service/capture_kernel.h"
#include "builder/service/inputs.h"

namespace mkcapture {

struct TargetStatus {
  std::string spec;
  bool network = false;
  bool present = true;                // disk: its device is on this machine
  std::string folder;                 // where it is mounted here; empty where it is not
  std::optional<std::uint64_t> free;  // bytes there
  std::uint64_t next_dump = 0;        // bytes that the next dump may take; 0 where not known
};

/// The last run of `mkcapture check`.
struct CheckStatus {
  std::int64_t at = 0;
  bool good = false;
  std::string why;  // of the first target that failed
};

/// What was seen.
struct StatusFacts {
  std::int64_t now = 0;
  CaptureKernel kernel;
  std::string running_release;
  std::optional<ArmState> image;
  std::string image_error;  // why its state cannot be read
  bool image_file = false;
  std::vector<std::string> changed;  // since the image was built
  std::optional<Loaded> loaded;
  std::vector<TargetStatus> targets;
  std::optional<CheckStatus> check;
  std::string last_dump;               // folder of the newest; empty where there is none
  std::vector<std::string> new_dumps;  // nobody has looked at
};

/// A sentence with a name that scripts can look for (mkcapture(8) lists them).
struct Finding {
  std::string code;
  std::string text;
};

struct StatusReport {
  StatusFacts facts;
  std::vector<Finding> problems;  // any: not armed
  std::vector<Finding> warnings;  // any: armed with warnings
};

[[nodiscard]] StatusReport judge(StatusFacts facts);
[[nodiscard]] StatusReport machine_status(const Wanted& wanted, Host& host);

/// 0 armed and current, 1 not armed, 3 armed with warnings.
[[nodiscard]] int exit_status(const StatusReport& report);
[[nodiscard]] std::string status_text(const StatusReport& report);
[[nodiscard]] std::string status_json(const StatusReport& report);

}  // namespace mkcapture
