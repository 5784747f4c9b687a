// What this machine's ssh configuration makes of a server's name: an alias means nothing in the
// image.
#pragma once

#include "builder/host/host.h"
#include "builder/plan/plan.h"

namespace mkcapture {

/// Asks `ssh -G` for the server of an ssh target: its real name and port go into target.spec, the
/// name that its host key is filed under into target.host_key_name. Does nothing where there is no
/// ssh, or the name is its own. A usage error where ssh would go through another machine or
/// program.
[[nodiscard]] Status resolve_ssh_alias(Host& host, const std::string& origin, TargetPlan& target);

}  // namespace mkcapture
