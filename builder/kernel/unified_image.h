// Unified kernel images (UKI): kernel, initramfs and command line in one PE file, as
// systemd-stub(7) has it. kexec wants the kernel alone. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace mkcapture {

/// A part of a file, in bytes.
struct FilePart {
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
};

/// The section `name` (".linux", ".uname") of a PE file with `file_bytes` bytes, by its beginning:
/// `head` must hold the section table. Empty where it is no PE file, has no such section, or one
/// that reaches beyond the file. Layout: the PE/COFF specification of Microsoft.
[[nodiscard]] std::optional<FilePart> pe_section(std::string_view head, std::uint64_t file_bytes,
                                                 std::string_view name);

/// The section table of any such image lies within.
inline constexpr std::uint64_t kPeHeadBytes = 16 << 10;

}  // namespace mkcapture
