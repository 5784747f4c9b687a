// mkcapture arm and disarm: the image for this machine, built where anything has changed, loaded,
// and seen to be loaded.
#pragma once

#include <string>

#include "builder/service/inputs.h"

namespace mkcapture {

/// Builds kImagePath where something that it was made from has changed (or `rebuild`), loads it and
/// checks that the kernel has it. What was done, and why, in lines; warnings of the plan go to
/// `err`.
[[nodiscard]] Result<std::string> arm(const Wanted& wanted, bool rebuild, Host& host,
                                      std::string& err);
/// Loads the image of last time. Needs nothing but local file systems and takes milliseconds.
[[nodiscard]] Result<std::string> arm_early(Host& host);
/// Builds for --kernel, which is not the running one, what arm takes at the boot of that kernel.
[[nodiscard]] Result<std::string> prepare_image(const Wanted& wanted, Host& host, std::string& err);
[[nodiscard]] Result<std::string> disarm(Host& host);

}  // namespace mkcapture
