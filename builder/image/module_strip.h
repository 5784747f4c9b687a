// Kernel modules, made as small as the kernel allows.
//
// A module costs memory three times in the capture kernel: as a file in the rootfs, as a copy while
// finit_module works on it, and loaded. What is left out here is what only tracing, stack traces
// with exact frames and debuggers use:
//   - everything that is not SHF_ALLOC: debug information, BTF, comments, the signature;
//   - ORC tables: without them a stack trace through module code marks its entries with '?'; half
//     of ext4.ko's bytes, and they stay in memory;
//   - the lists of trace events: the kernel makes a folder of tracefs for each (600 in xfs);
//   - symbols that no relocation uses, the names of those that are defined here (kallsyms would
//     keep them), and descriptions, parameters and aliases in .modinfo.
// The formats: elf(5); what the kernel looks for: kernel/module/main.c, find_module_sections().
#pragma once

#include <string>
#include <string_view>

#include "builder/base/usage.h"

namespace mkcapture {

enum class SignaturePolicy {
  kDrop,  // the kernel loads unsigned modules: strip, the signature goes with it
  kKeep,  // MODULE_SIG_FORCE or lockdown: not a byte may change
};

/// The bytes of a module file as the kernel takes them: .ko.xz, .ko.zst and .ko.gz unpacked (at
/// most kMaxModuleBytes), stripped with kDrop. An error names the file.
[[nodiscard]] Result<std::string> load_module_file(const std::string& path, SignaturePolicy policy);

/// The stripping alone. A section that is used from a part that stays is never dropped, whatever
/// its name. Any ELF class and byte order; input is untrusted; the result is never longer than the
/// input and 4 KiB. A file that is not a relocatable ELF object is an error.
[[nodiscard]] Result<std::string> strip_module(std::string_view elf);

}  // namespace mkcapture
