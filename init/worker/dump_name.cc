#include "init/worker/dump_name.h"

#include <time.h>

#include <cstdio>

#include "init/base/text.h"

namespace mkcapture::init {

std::string dump_name(std::string_view host, std::int64_t seconds) {
  std::string name;
  for (const char c : host)
    name += c == '/' || is_control(c) ? '_' : c;
  if (name.find_first_not_of("._ ") == std::string::npos) name = "unknown";
  const auto t = static_cast<time_t>(seconds);
  tm utc{};
  if (gmtime_r(&t, &utc) == nullptr) utc = {};
  char stamp[64];
  std::snprintf(stamp, sizeof stamp, "-%04d-%02d-%02d-%02d:%02d:%02d", utc.tm_year + 1900,
                utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec);
  return name + stamp;
}

}  // namespace mkcapture::init
