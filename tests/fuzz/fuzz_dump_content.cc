// What `mkcapture dumps` reads of dumps: names, logs and first bytes that a crashed kernel wrote.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "builder/service/dump_content.h"
#include "init/base/text.h"

using namespace mkcapture;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  // What is shown is short and has nothing that a terminal would obey.
  const std::string line = panic_line(bytes);
  if (line.size() > 200 || !all_of(line, [](char c) { return !is_control(c); })) std::abort();
  for (const std::string& release : {release_in_dump(bytes), release_in_log(bytes)}) {
    if (release.size() > 64 || release.find('/') != std::string::npos) std::abort();
    (void)debug_package(bytes, release);
  }
  (void)parse_dump_name(bytes);
  return 0;
}
