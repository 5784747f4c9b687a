// crashkernel= and command lines: any text is either understood or refused, and what is reserved is
// one of the sizes.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "builder/kernel/cmdline.h"
#include "builder/kernel/crashkernel.h"

static const std::vector<mkcapture::CmdlineRemoval> kRemove = {{"rd.*", "why"}, {"quiet", "why"}};

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto value = mkcapture::parse_crashkernel(text)) {
    if (value->ranges.empty()) std::abort();
    for (const std::uint64_t ram : {0ull, 1ull << 30, ~0ull}) {
      const std::uint64_t bytes = mkcapture::reserved_bytes(*value, ram);
      bool known = bytes == 0;
      for (const auto& range : value->ranges)
        known = known || range.size == bytes;
      if (!known) std::abort();
    }
  }
  (void)mkcapture::crashkernel_of_cmdline(text, 1u << 30);
  // A line that was made once does not change when it is made again.
  const std::string line = mkcapture::capture_cmdline(text, kRemove, {"irqpoll"}, "").line;
  if (mkcapture::capture_cmdline(line, kRemove, {}, "").line != line &&
      text.find('"') == std::string_view::npos)
    std::abort();
  return 0;
}
