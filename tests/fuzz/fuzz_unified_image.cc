// Unified kernel images: whatever the headers say, a section lies within the file.
#include <cstdint>
#include <cstdlib>

#include "builder/kernel/unified_image.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  for (const char* name : {".linux", ".uname", ""}) {
    const auto part = mkcapture::pe_section(input, size, name);
    if (part && (part->size == 0 || part->offset + part->size > size)) std::abort();
  }
  return 0;
}
