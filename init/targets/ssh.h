// ssh://USER@HOST[:PORT]/PATH: a directory on an SSH server as a target, over dbclient: the SFTP
// subsystem where the server has it, commands and pipes of a shell where it has not.
#pragma once

#include <memory>

#include "init/targets/target.h"

namespace mkcapture::init {

[[nodiscard]] std::unique_ptr<Target> make_target_of(const SshSpec& spec,
                                                     const TargetContext& context);

}  // namespace mkcapture::init
