// Module files as they lie in a kernel tree.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "init/base/result.h"

namespace mkcapture {

/// Larger modules do not exist; what unpacks to more is an attack or a mistake.
inline constexpr std::uint64_t kMaxModuleBytes = 64u << 20;

/// The ELF file in a .ko, .ko.xz, .ko.zst or .ko.gz.
[[nodiscard]] Result<std::string> read_module_file(const std::string& path);

/// .modinfo: "key=value" strings, in the file's order. An error where `elf` has no such section.
struct ModinfoField {
  std::string_view key;
  std::string_view value;
};
[[nodiscard]] Result<std::vector<ModinfoField>> read_modinfo(std::string_view elf);

/// A softdep= value, "pre: a b post: c".
struct Softdep {
  std::vector<std::string> pre;
  std::vector<std::string> post;
};
void parse_softdep(std::string_view text, Softdep& into);

}  // namespace mkcapture
