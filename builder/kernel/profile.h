// Profiles: what mkcapture knows of an architecture, one TOML file each in profiles/.
//
// The project's own profiles are compiled in, so that the tool works from any folder; --profile
// takes a FILE as well. Every entry of the lists has its reason as a comment in the TOML. The
// command line's lists of profiles/base/linux.toml hold for every profile and follow its own.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "builder/base/usage.h"
#include "builder/host/host.h"

namespace mkcapture {

/// A symbol of the kernel's configuration that must be set, or should be, and what for.
struct ConfigSymbol {
  std::string symbol;  // "RELOCATABLE", without CONFIG_
  std::string reason;  // required: ends "as a capture kernel, ..."; wanted: "... is not set: ..."
};

/// Options of kexec that hang on the kernel's configuration.
struct ConfigOptions {
  std::string symbol;
  std::vector<std::string> options;
};

/// crashkernel= for a machine of [from, to) bytes of RAM.
struct CrashkernelRange {
  std::uint64_t from = 0;
  std::uint64_t to = 0;  // ~0 without an end
  std::uint64_t size = 0;
};

/// Parameters that a capture kernel must not have, and why.
struct CmdlineRemoval {
  std::string pattern;  // a key; "rd.*" for a whole family
  std::string reason;
};

struct Profile {
  std::string name;                   // "x86_64": also the folder of its payload
  std::vector<std::string> machines;  // as uname -m says
  std::string triple;                 // of the static payload; empty where none can be built
  std::string no_payload;             // why it cannot; empty

  // Kernel images, best first, below the root; "{release}" stands for the release.
  std::vector<std::string> kernel_images;
  std::vector<ConfigSymbol> required;  // without it no dump: an error
  std::vector<ConfigSymbol> wanted;    // without it likely none: a warning
  bool xz_filter_x86 = false;          // the code in the image is x86

  // The capture kernel's command line.
  std::string console;                   // where the running system's is not known
  std::vector<std::string> cmdline_add;  // "nr_cpus=1"
  std::vector<CmdlineRemoval> cmdline_remove;
  bool boot_apicid = false;  // disable_cpu_apicid= with the running system's boot CPU
  bool ccw_devices = false;  // cio_ignore= for all but the targets' devices

  std::vector<std::string> kexec_options;            // always passed
  std::vector<ConfigOptions> kexec_options_with;     // passed where the kernel has the symbol
  std::vector<ConfigOptions> kexec_options_without;  // and where it has not
  bool kexec_file_load = false;                      // -s works on this architecture
  bool kexec_pads_bzimage = false;  // kexec is given a copy as long as what it unpacks itself in
  std::string kexec_file_load_without;  // a symbol without which -s is better where it works

  // Names of driver sets (modules/) that --drivers generic takes.
  std::vector<std::string> storage_sets;
  std::vector<std::string> net_sets;
  std::vector<std::string> filesystems;

  std::uint64_t kernel_memory = 0;            // bytes an empty initramfs needs of crashkernel= here
  std::vector<CrashkernelRange> crashkernel;  // recommended, by RAM
  std::uint64_t crashkernel_alignment = 0;    // of an address after '@'; 0: none is known
};

/// A profile file that is compiled in.
struct BuiltinProfile {
  std::string_view name;
  std::string_view text;
};
[[nodiscard]] std::span<const BuiltinProfile> builtin_profiles();
/// What holds for every profile: [command_line] add and [command_line.remove].
[[nodiscard]] BuiltinProfile base_profile();

/// Parses a profile. Unknown keys and wrong types are usage errors "FILE:LINE: KEY: why".
[[nodiscard]] Result<Profile> parse_profile(std::string_view text, const std::string& file);

/// The profile of that name.
[[nodiscard]] Result<Profile> builtin_profile(std::string_view name);
/// The profile NAME, or the one in FILE (a value with '/' or ending in .toml).
[[nodiscard]] Result<Profile> load_profile(Host& host, const std::string& name_or_file);
/// The profile for a machine as uname -m names it.
[[nodiscard]] Result<Profile> profile_of_machine(const std::string& machine);

}  // namespace mkcapture
