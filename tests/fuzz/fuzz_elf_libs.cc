// Programs given to --add-file, and the libraries they name.
#include <cstdint>

#include "builder/image/elf_libs.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  (void)mkcapture::read_dynamic({reinterpret_cast<const char*>(data), size});
  return 0;
}
