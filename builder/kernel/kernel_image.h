// What a kernel image tells about the memory that it takes while it unpacks itself, where kexec
// does not ask or asks wrongly. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mkcapture {

/// zImage of 32-bit ARM: bytes from the start of its memory that nothing else may lie in: the
/// unpacked kernel with .bss and, behind it, where the decompressor moves itself to. A whole number
/// of MiB. Empty where the file is no zImage or one from before Linux 4.15.
/// Layout: arch/arm/boot/compressed/head.S (magic numbers at 0x24 and 0x34, the table's offset at
/// 0x38) and vmlinux.lds.S there (the table: words, tag, where the unpacked size stands, .bss,
/// TEXT_OFFSET).
[[nodiscard]] std::optional<std::uint64_t> zimage_memory(std::string_view file);

/// bzImage of x86: how many bytes longer the file would have to be to cover the memory that it
/// unpacks itself in. A whole number of MiB. Empty where the file is no bzImage or does not tell
/// (boot protocol before 2.10).
/// Layout: Documentation/x86/boot.rst, fields setup_sects, header, version, init_size.
[[nodiscard]] std::optional<std::uint64_t> bzimage_shortfall(std::string_view file);

/// bzImage of x86: the release that it calls itself ("6.6.58-0-lts"); by its beginning,
/// kBzImageHead- Bytes. Empty where the file is no bzImage or does not tell. Field kernel_version
/// of boot.rst.
[[nodiscard]] std::optional<std::string> bzimage_release(std::string_view head);
inline constexpr std::uint64_t kBzImageHeadBytes = 64 << 10;

}  // namespace mkcapture
