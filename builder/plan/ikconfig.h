// The kernel's configuration as the kernel itself has it (CONFIG_IKCONFIG), for trees without a
// boot/config-RELEASE. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace mkcapture {

/// The .config within a kernel's image: of an uncompressed one, of what is packed as a whole
/// (Image.gz), of a bzImage and of an EFI zboot image. Empty where the kernel was built without.
/// Layout: kernel/configs.c (the marks around it), Documentation/arch/x86/boot.rst
/// (payload_offset), drivers/firmware/efi/libstub/zboot-header.S.
[[nodiscard]] std::optional<std::string> ikconfig_of(std::string_view image);

}  // namespace mkcapture
