// What packages hold beside the program, made from the option table: the shells' completions and
// the configuration file with every key as a comment.
#pragma once

#include <string>

namespace mkcapture {

/// For /usr/share/bash-completion/completions/mkcapture.
[[nodiscard]] std::string bash_completion();
/// For zsh's site-functions or vendor-completions, as _mkcapture.
[[nodiscard]] std::string zsh_completion();
/// /etc/mkcapture.toml: nothing is set in it.
[[nodiscard]] std::string commented_config();

}  // namespace mkcapture
