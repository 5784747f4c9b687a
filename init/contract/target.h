// Targets: where a dump can go. The specification as text (SPEC: `-t`, `capture.target=`), as a
// value, and back. Pure; shared by the builder (which resolves drivers for it) and /init.
//
// A kind is one page, contract/targets/KIND.h, and a place in the list below. Whoever wants to know
// what a target takes asks needs(), never which kind it is.
#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "init/base/result.h"
#include "init/contract/targets/disk.h"
#include "init/contract/targets/needs.h"
#include "init/contract/targets/nfs.h"
#include "init/contract/targets/raw.h"
#include "init/contract/targets/ssh.h"
#include "init/contract/targets/virtiofs.h"

namespace mkcapture {

/// Every kind, in the order in which messages name their forms.
using TargetSpec = std::variant<DiskSpec, RawSpec, NfsSpec, SshSpec, VirtiofsSpec>;

/// Parses "disk:DEVICE:PATH", "raw:DEVICE", "nfs://SERVER[:PORT]/EXPORT/PATH[?opts]",
/// "ssh://USER@HOST[:PORT]/PATH" or "virtiofs:TAG:/PATH". Everything is checked: empty parts,
/// relative or ".." paths, ports out of 1..65535, control characters. Errors say which part is
/// wrong and what would be right.
[[nodiscard]] Result<TargetSpec> parse_target(std::string_view text);

/// The canonical text: parse_target(to_string(t)) == t. Used in verdict lines.
[[nodiscard]] std::string to_string(const TargetSpec& target);

[[nodiscard]] TargetNeeds needs(const TargetSpec& target);
[[nodiscard]] inline bool needs_network(const TargetSpec& target) {
  return needs(target).server.has_value();
}

/// What parse_target() takes as it comes and a capture would fail at: options of a kind's own.
[[nodiscard]] Status check_target(const TargetSpec& target);

/// Gives the device that the target stands on another name; nothing where it stands on none.
void rename_device(TargetSpec& target, DeviceName name);

}  // namespace mkcapture
