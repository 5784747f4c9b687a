// What an image does with the dump: which --dump-level, --dump-format and --dump-compress go
// together, and what holds where nothing is said.
#pragma once

#include <optional>

#include "builder/base/usage.h"
#include "init/contract/dump_choice.h"

namespace mkcapture {

/// What was asked for, each empty where it was not.
struct DumpWanted {
  std::optional<int> level;
  std::optional<DumpFormat> format;
  std::optional<DumpCodec> codec;
};

/// Fills in the defaults of DumpChoice; ELF has no compression, so --dump-format elf alone gives
/// none. The only error, a compressed ELF dump, is to be blamed on the codec.
[[nodiscard]] Result<DumpChoice> choose_dump(const DumpWanted& wanted);

}  // namespace mkcapture
