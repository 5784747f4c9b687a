// What the dump engine in the payload can write: the one place that says which --dump-level,
// --dump-format and --dump-compress go together, and what an image does when nothing is said.
#pragma once

#include <optional>
#include <string>

#include "builder/base.h"
#include "common/capture_config.h"

namespace mkcapture {

struct EngineCapabilities {
  int level_mask = 1;              // bits of --dump-level that the engine knows
  bool kdump_format = false;       // else ELF only
  bool codecs = false;             // any compression, in the kdump format
  int default_level = 1;
  capture::DumpFormat default_format = capture::DumpFormat::kElf;
  capture::DumpCodec default_codec = capture::DumpCodec::kNone;
};
[[nodiscard]] EngineCapabilities engine_capabilities();

/// What was asked for, each empty where it was not.
struct DumpWanted {
  std::optional<int> level;
  std::optional<capture::DumpFormat> format;
  std::optional<capture::DumpCodec> codec;
};
struct DumpChoice {
  int level = 1;
  capture::DumpFormat format = capture::DumpFormat::kElf;
  capture::DumpCodec codec = capture::DumpCodec::kNone;
};

/// Fills in the defaults (ELF has no compression, so --dump-format elf alone gives none). Errors
/// say "not yet there" for what the engine lacks, and which combination cannot be. The message
/// begins with the option's name without dashes: "dump.level: ...".
[[nodiscard]] Result<DumpChoice> choose_dump(const DumpWanted& wanted,
                                             const EngineCapabilities& engine);

/// What speaks against this level on kernel `release`, from what the engine's filter was read from
/// (init/dump/page_rules.h); empty where nothing does. The engine itself never guesses: what it is
/// not sure of stays in the dump.
[[nodiscard]] std::string filter_doubt(const std::string& release, int level);

}  // namespace mkcapture
