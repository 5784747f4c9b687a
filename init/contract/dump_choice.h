// What is to be saved of the memory, and how: the words that options, configuration and the dump
// engine share, and what holds where nothing is said.
#pragma once

#include <optional>
#include <string_view>

#include "init/base/names.h"

namespace mkcapture {

enum class DumpFormat { kElf, kKdump, kFlat };
enum class DumpCodec { kNone, kZlib, kLzo, kSnappy, kZstd };
inline constexpr Name<DumpFormat> kDumpFormats[] = {
    {"elf", DumpFormat::kElf}, {"kdump", DumpFormat::kKdump}, {"flat", DumpFormat::kFlat}};
inline constexpr Name<DumpCodec> kDumpCodecs[] = {{"none", DumpCodec::kNone},
                                                  {"zlib", DumpCodec::kZlib},
                                                  {"lzo", DumpCodec::kLzo},
                                                  {"snappy", DumpCodec::kSnappy},
                                                  {"zstd", DumpCodec::kZstd}};

/// THE defaults: everything left out that can be spared, in the format that every reader knows.
struct DumpChoice {
  int level = 31;  // 0 to kMaxDumpLevel, makedumpfile's -d: 1 zero, 2 cache, 4 private cache, 8
                   // user, 16 free
  DumpFormat format = DumpFormat::kKdump;
  DumpCodec codec = DumpCodec::kZstd;

  friend bool operator==(const DumpChoice&, const DumpChoice&) = default;
};
inline constexpr int kMaxDumpLevel = 31;

[[nodiscard]] std::string_view to_string(DumpFormat f);
[[nodiscard]] std::string_view to_string(DumpCodec c);
[[nodiscard]] std::optional<DumpFormat> parse_dump_format(std::string_view text);
[[nodiscard]] std::optional<DumpCodec> parse_dump_codec(std::string_view text);

}  // namespace mkcapture
