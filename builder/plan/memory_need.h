// What the capture kernel needs of crashkernel= beyond what was measured for its profile: by the
// kernel's page size, by memory encryption, by IOMMU, CPUs and drivers. None of these could be
// measured on the machines of the tests: each is an assumption, and told as one.
#pragma once

#include <cstdint>

#include "builder/plan/plan.h"

namespace mkcapture {

/// Fills plan.crashkernel.beyond. Facts of this machine count only where the image is for it.
void plan_memory(Host& host, Plan& plan);

/// All that crashkernel.h asks for. `peak`: bytes of image and unpacking at the worst moment.
[[nodiscard]] ImageNeed memory_need(const Plan& plan, std::uint64_t peak);

}  // namespace mkcapture
