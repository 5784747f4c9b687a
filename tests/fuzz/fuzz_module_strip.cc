// Kernel modules from a tree that is not to be trusted: stripping what was stripped changes
// nothing, and nothing grows.
#include <cstdint>
#include <cstdlib>

#include "builder/image/module_strip.h"
#include "modules/module_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  (void)mkcapture::read_modinfo(input);
  const auto once = mkcapture::strip_module(input);
  if (!once) return 0;
  if (once->size() > size + 4096) std::abort();
  const auto twice = mkcapture::strip_module(*once);
  if (!twice || *twice != *once) std::abort();
  return 0;
}
