// What `mkcapture check` runs on the living machine: a target's way as a worker of the capture goes
// it (worker/save.h), by the same code, up to a small file that is synced, renamed and removed.
//
// What the living machine has already is taken as it is: drivers, device nodes, the network. Of a
// raw target nothing is written: the last dump may be there.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "init/contract/capture_config.h"
#include "init/targets/target.h"
#include "init/worker/worker_state.h"

namespace mkcapture::init {

/// More than a part of a page, of an SFTP packet and of a write to NFS.
inline constexpr std::size_t kCheckBytes = 64 << 10;

/// The directory of a check; with_suffix() of it, where an earlier one was killed. No dump has such
/// a name.
[[nodiscard]] std::string check_directory(std::string_view host);

struct CheckContext {
  System& system;
  const CaptureConfig& config;
  const TargetEntry& entry;
  WorkerState& state;
  std::string host;  // this machine's name
  Deadline deadline;
  std::function<std::unique_ptr<Target>(const TargetSpec&, const TargetContext&)> make =
      make_target;
};

struct CheckEnd {
  Status status;
  std::string note;           // what the target could not promise; empty where it could all
  std::optional<Space> free;  // where the target can tell
};

/// context.state has the step that it came to. Whatever the end, what was written is removed; an
/// error of that is the check's where there was none before.
[[nodiscard]] CheckEnd check_target(const CheckContext& context);

}  // namespace mkcapture::init
