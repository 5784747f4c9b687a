// mkcapture: builds the image that a capture kernel starts. run.cc is the table of contents.
#include <cstdio>

#include "builder/run.h"

int main(int argc, char** argv) {
  std::string out, err;
  const auto host = mkcapture::real_host();
  const int status = mkcapture::run_mkcapture({argv + 1, argv + argc}, *host, out, err);
  std::fputs(err.c_str(), stderr);
  const bool written = std::fputs(out.c_str(), stdout) >= 0 && std::fflush(stdout) == 0;
  if (!written) std::perror("mkcapture: standard output");
  return written ? status : 1;
}
