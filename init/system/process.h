// Processes of /init: programs of the image and workers. Linux only; System is the way to them.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "init/system/system.h"

namespace mkcapture::init {

/// So that sleep_until_child() can wait for it; programs and workers start with it unblocked.
void block_child_signal();

/// As System::spawn and System::fork_worker say.
[[nodiscard]] Result<Child> spawn_program(const std::vector<std::string>& argv,
                                          const std::vector<std::string>& env, Pipes pipes);
[[nodiscard]] Result<int> fork_worker(const std::function<int()>& work);

/// The child's status (128+signal when it was killed) where it has ended. A pid that is no child of
/// this process counts as ended with 127.
[[nodiscard]] std::optional<int> poll_child(int pid);
/// Until some child has ended, at most `limit`; may return early.
void sleep_until_child(Milliseconds limit);

}  // namespace mkcapture::init
