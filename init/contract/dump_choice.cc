#include "init/contract/dump_choice.h"

namespace mkcapture {

std::string_view to_string(DumpFormat f) {
  return name_of(kDumpFormats, f);
}
std::string_view to_string(DumpCodec c) {
  return name_of(kDumpCodecs, c);
}
std::optional<DumpFormat> parse_dump_format(std::string_view text) {
  return by_name(kDumpFormats, text);
}
std::optional<DumpCodec> parse_dump_codec(std::string_view text) {
  return by_name(kDumpCodecs, text);
}

}  // namespace mkcapture
