// Kernel modules, made as small as the kernel allows.
#pragma once

#include <string>
#include <string_view>

#include "common/result.h"

namespace mkcapture {

enum class SignaturePolicy {
  kDrop,  // the kernel loads unsigned modules: strip, the signature goes with it
  kKeep,  // MODULE_SIG_FORCE or lockdown: not a byte may change
};

/// The bytes of a module file as the kernel takes them: .ko.xz, .ko.zst and .ko.gz unpacked (at
/// most 64 MiB), and with kDrop the ELF file without signature, debug information, BTF, comments
/// and symbols that only a debugger reads. What insmod and the module itself need stays:
/// __versions, .modinfo, .gnu.linkonce.this_module, ORC and exception tables, all relocations of
/// allocated sections. A file that is not a relocatable ELF object is an error.
[[nodiscard]] capture::Result<std::string> load_module_file(const std::string& path,
                                                            SignaturePolicy policy);

/// The stripping alone. Input is untrusted; any ELF class and byte order.
[[nodiscard]] capture::Result<std::string> strip_module(std::string_view elf);

}  // namespace mkcapture
