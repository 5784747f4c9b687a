#include "builder/engine.h"

#include <fmt/format.h>

#include <cstdio>

#include "dump/page_rules.h"

namespace mkcapture {

using capture::DumpCodec;
using capture::DumpFormat;

EngineCapabilities engine_capabilities() { return {}; }

Result<DumpChoice> choose_dump(const DumpWanted& wanted, const EngineCapabilities& engine) {
  DumpChoice choice{wanted.level.value_or(engine.default_level),
                    wanted.format.value_or(engine.default_format), DumpCodec::kNone};
  if (wanted.codec)
    choice.codec = *wanted.codec;
  else if (choice.format == DumpFormat::kKdump)
    choice.codec = engine.default_codec;

  if ((choice.level & ~engine.level_mask) != 0)
    return usage_error("dump.level", fmt::format("{} is not yet there; the engine has 0 and 1",
                                                 choice.level));
  if (choice.format == DumpFormat::kKdump && !engine.kdump_format)
    return usage_error("dump.format", "kdump is not yet there; the engine has elf");
  if (choice.codec != DumpCodec::kNone && !engine.codecs)
    return usage_error("dump.compress",
                       fmt::format("{} is not yet there; the engine has none", to_string(choice.codec)));
  if (choice.codec != DumpCodec::kNone && choice.format == DumpFormat::kElf)
    return usage_error("dump.compress", "an ELF dump cannot be compressed; use --dump-format kdump");
  return choice;
}

std::string filter_doubt(const std::string& release, int level) {
  constexpr int kNeedsNoDescriptors = 1;  // zero pages are known by their bytes
  capture::KernelVersion version;
  if ((level & ~kNeedsNoDescriptors) == 0) return "";
  if (std::sscanf(release.c_str(), "%u.%u", &version.major, &version.minor) != 2)
    return fmt::format("kernel {} has no version that tells which pages can be left out", release);
  const auto& oldest = capture::kOldestRules;
  const auto& newest = capture::kNewestRules;
  if (version >= oldest && version <= newest) return "";
  return fmt::format(
      "dump level {} is known to hold for kernels {}.{} to {}.{}; on {} more pages than wanted may "
      "stay in the dump", level, oldest.major, oldest.minor, newest.major, newest.minor, release);
}

}  // namespace mkcapture
