#include "builder/ask/dump_choice.h"

#include <fmt/format.h>

namespace mkcapture {

Result<DumpChoice> choose_dump(const DumpWanted& wanted) {
  DumpChoice choice;
  choice.level = wanted.level.value_or(choice.level);
  choice.format = wanted.format.value_or(choice.format);
  if (choice.format == DumpFormat::kElf) choice.codec = DumpCodec::kNone;
  choice.codec = wanted.codec.value_or(choice.codec);
  if (choice.codec != DumpCodec::kNone && choice.format == DumpFormat::kElf)
    return fail("an ELF dump cannot be compressed; use --dump-format kdump");
  return choice;
}

std::string filter_doubt(const std::string& release, int level) {
  constexpr int kNeedsNoDescriptors = 1;  // zero pages are known by their bytes
  if ((level & ~kNeedsNoDescriptors) == 0) return "";
  const auto version = parse_kernel_version(release);
  if (!version)
    return fmt::format("kernel {} has no version that tells which pages can be left out", release);
  const auto& oldest = kOldestRules;
  const auto& newest = kNewestRules;
  if (*version >= oldest && *version <= newest) return "";
  return fmt::format(
      "dump level {} is known to hold for kernels {}.{} to {}.{}; on {} more pages than wanted may "
      "stay in the dump",
      level, oldest.major, oldest.minor, newest.major, newest.minor, release);
}

}  // namespace mkcapture
