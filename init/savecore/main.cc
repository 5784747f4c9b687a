// savecore: the dump engine as a command, for any rescue system.
#include <csignal>
#include <cstdio>
#include <span>

#include "init/savecore/run.h"

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);  // a reader that goes away is a write that fails
  return mkcapture::savecore::run_savecore(
      std::span(argv + 1, static_cast<std::size_t>(argc > 0 ? argc - 1 : 0)), stdout, stderr);
}
