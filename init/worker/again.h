// Whether a target that has failed is tried again, while there is time before the deadline.
#pragma once

#include "init/base/result.h"
#include "init/base/units.h"
#include "init/contract/step.h"

namespace mkcapture::init {

/// No try is begun with less time than this left.
inline constexpr Milliseconds kLeastTry{10'000};
/// A target whose dump has begun this often is not tried again: each try leaves what it wrote.
inline constexpr int kMostDumps = 3;

/// True for what may be over by the next try: a device or a server that is not there yet, a link
/// that is still down, a silence, an I/O error. False for what answers no, for what is full, and
/// for what this image cannot do. `other_path`: another path leads to the same disk, so that an
/// error of this one's says little.
[[nodiscard]] bool worth_another_try(Step step, const Error& error, bool other_path);

}  // namespace mkcapture::init
