// The page filter beside the kernel that runs: where that is the one of the image, the payload's
// savecore compares what the filter makes of every page with what the kernel says. A kernel that
// has changed how it marks its pages is seen so before it crashes, and not by its version.
#pragma once

#include "builder/plan/plan.h"

namespace mkcapture {

/// What the payload's savecore says of the kernel that runs, which must be `release`.
[[nodiscard]] Result<FilterCheck> compare_filter(Host& host, const std::string& payload,
                                                 const std::string& release, int level);

/// Fills plan.filter, and warns of classes that the two do not agree about: these stay in the dump.
/// Where it cannot be compared, plan.notes says why. Needs root, and takes some 100 ns for each
/// page of the machine.
void plan_filter(Host& host, Plan& plan);

}  // namespace mkcapture
