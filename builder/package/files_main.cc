// mkcapture_files bash|zsh|config: prints one of the files that packages hold. A program of the
// build alone.
#include <cstdio>
#include <cstring>

#include "builder/package/completions.h"

int main(int argc, char** argv) {
  const char* what = argc == 2 ? argv[1] : "";
  std::string text;
  if (std::strcmp(what, "bash") == 0) text = mkcapture::bash_completion();
  if (std::strcmp(what, "zsh") == 0) text = mkcapture::zsh_completion();
  if (std::strcmp(what, "config") == 0) text = mkcapture::commented_config();
  if (text.empty()) {
    std::fputs("usage: mkcapture_files bash|zsh|config\n", stderr);
    return 2;
  }
  return std::fputs(text.c_str(), stdout) >= 0 && std::fflush(stdout) == 0 ? 0 : 1;
}
