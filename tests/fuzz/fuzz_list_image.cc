// `--list` takes any file: archives, packed or not, several in a row.
#include <cstdint>

#include "builder/image/assemble.h"
#include "builder/image/list.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  (void)mkcapture::read_cpio(input);
  (void)mkcapture::list_image(input);
  return 0;
}
