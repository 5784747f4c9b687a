#include "init/contract/raw_content.h"

#include "init/base/text.h"

namespace mkcapture {
namespace {

constexpr std::string_view kElfMagic =
    "\x7f"
    "ELF";
constexpr std::size_t kElfByteOrder = 5;  // EI_DATA: 1 little, 2 big
constexpr std::size_t kElfType = 16;      // two bytes
constexpr char kElfCore = 4;              // ET_CORE

bool is_elf_core(std::string_view begin) {
  if (!begin.starts_with(kElfMagic) || begin.size() < kElfType + 2) return false;
  const bool big = begin[kElfByteOrder] == 2;
  return begin[kElfType + (big ? 1 : 0)] == kElfCore && begin[kElfType + (big ? 0 : 1)] == 0;
}

}  // namespace

bool may_be_overwritten(std::string_view type, std::string_view begin) {
  if (!type.empty()) return type == "swap";
  return all_of(begin, [](char c) { return c == 0; }) || is_elf_core(begin) ||
         begin.starts_with("KDUMP   ") || begin.starts_with("makedumpfile");
}

}  // namespace mkcapture
