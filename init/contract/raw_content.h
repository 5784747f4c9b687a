// What a raw target may write over. The builder asks before a crash, /init after it: one rule.
#pragma once

#include <cstddef>
#include <string_view>

namespace mkcapture {

/// How much of the beginning of a device is looked at.
inline constexpr std::size_t kRawLook = 64 << 10;

/// True for a device that is empty, is swap, or begins with a dump: an ELF core (what the
/// "e_type" of elf(5) says), a kdump ("KDUMP   ", makedumpfile's IMPLEMENTATION) or the flattened
/// form of one ("makedumpfile"). `type` is libblkid's, empty where it knows nothing there; `begin`
/// are the first kRawLook bytes.
[[nodiscard]] bool may_be_overwritten(std::string_view type, std::string_view begin);

/// For the words of a refusal.
inline constexpr std::string_view kOverwritten =
    "only an empty one, swap and an earlier dump are overwritten";

}  // namespace mkcapture
