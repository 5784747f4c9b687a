// The kernel's command line over a baked configuration; the result must be one that can be baked.
#include <cstdint>
#include <cstdlib>

#include "init/contract/capture_config.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto config = mkcapture::parse_config(
      "target=disk:LABEL=a:/x\ndrivers=virtio_blk\nautoload=storage\nshell_allowed=1\n");
  std::vector<std::string> complaints;
  mkcapture::apply_cmdline({reinterpret_cast<const char*>(data), size}, *config, complaints);
  if (config->targets.empty()) std::abort();
  if (!mkcapture::parse_config(mkcapture::format_config(*config))) std::abort();
  return 0;
}
