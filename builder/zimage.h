// zImage, the compressed kernel of 32-bit ARM: how much memory it takes while it unpacks itself.
//
// Layout: arch/arm/boot/compressed/head.S (magic numbers at 0x24 and 0x34, the table's offset at
// 0x38) and vmlinux.lds.S there (the table: words, tag, where the unpacked size stands, .bss,
// TEXT_OFFSET). Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace mkcapture {

/// Bytes from the start of its memory that nothing else may lie in: the unpacked kernel with .bss
/// and, behind it, where the decompressor moves itself to. A whole number of MiB. Empty where the
/// file is no zImage or one from before Linux 4.15.
[[nodiscard]] std::optional<std::uint64_t> zimage_memory(std::string_view file);

}  // namespace mkcapture
