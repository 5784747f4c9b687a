// Options of an nfs:// target: what is accepted cannot bring other mount options along.
#include <cstdint>
#include <cstdlib>

#include "init/contract/nfs_options.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto options = mkcapture::parse_nfs_options({reinterpret_cast<const char*>(data), size});
  if (!options) return 0;
  if (options->versions.empty()) std::abort();
  for (const std::string& option : options->others) {
    if (option.empty() ||
        option.find_first_of(std::string_view(", \n\"\\\0", 6)) != std::string::npos)
      std::abort();
    if (option.starts_with("addr=") || option.starts_with("port=") || option == "hard")
      std::abort();
  }
  return 0;
}
