#include "builder/ask/dump_choice.h"

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

}  // namespace mkcapture
