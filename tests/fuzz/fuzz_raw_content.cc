// The beginning of a device that a raw target may overwrite or not.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "init/contract/raw_content.h"

using namespace mkcapture;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string begin(reinterpret_cast<const char*>(data), size);
  const bool allowed = may_be_overwritten("", begin);
  // What libblkid knows is never overwritten but for swap, whatever the rest looks like.
  if (may_be_overwritten("ext4", begin) || !may_be_overwritten("swap", begin)) std::abort();
  const bool empty = begin.find_first_not_of('\0') == std::string::npos;
  const bool dump = begin.starts_with(
                        "\x7f"
                        "ELF") ||
                    begin.starts_with("KDUMP   ") || begin.starts_with("makedumpfile");
  if (allowed ? !empty && !dump : empty) std::abort();
  return 0;
}
