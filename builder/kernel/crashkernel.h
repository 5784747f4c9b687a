// crashkernel=: what the kernel would reserve, and what an image needs of it. Pure.
//
// The forms are those of Documentation/admin-guide/kdump/kdump.rst and kernel/crash_core.c:
// "SIZE[@OFFSET]", "RANGE:SIZE[,RANGE:SIZE...][@OFFSET]", "SIZE,high", "SIZE,low", "SIZE,cma".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "builder/base/usage.h"
#include "builder/kernel/profile.h"

namespace mkcapture {

struct Crashkernel {
  enum class Where { kAnywhere, kHigh, kLow, kCma };
  std::vector<CrashkernelRange> ranges;  // a simple SIZE is one range over everything
  std::uint64_t offset = 0;              // 0: the kernel chooses
  Where where = Where::kAnywhere;
};

/// One parameter's value. Sizes take K, M, G, T and stand in decimal, in
/// hexadecimal behind 0x or in octal behind 0; anything else is an error. An empty text is one
/// too.
[[nodiscard]] Result<Crashkernel> parse_crashkernel(std::string_view text);

/// Bytes that the kernel reserves on a machine with `ram` bytes; 0 where no range fits. The kernel
/// rounds the RAM that it sees up to 128 MiB before it looks at the ranges.
[[nodiscard]] std::uint64_t reserved_bytes(const Crashkernel& value, std::uint64_t ram);

/// The RAM that the kernel compares with the ranges.
[[nodiscard]] std::uint64_t rounded_ram(std::uint64_t ram);

/// What a kernel command line asks for: the last crashkernel= of each form counts, as in the
/// kernel. The sum of anywhere or high and cma; nothing where there is no crashkernel=.
struct CrashkernelRequest {
  std::string text;  // as it stands, all forms; empty: no crashkernel=
  std::uint64_t bytes = 0;
  std::string error;  // why it cannot be understood; empty
};
[[nodiscard]] CrashkernelRequest crashkernel_of_cmdline(std::string_view cmdline,
                                                        std::uint64_t ram);

/// The image's part in the need for memory.
struct ImageNeed {
  std::uint64_t peak = 0;     // what image and unpacking take at the worst moment
  bool network = false;       // cards and sockets have buffers
  std::uint64_t machine = 0;  // what machine and kernel take beyond the profile's measure
};
/// The least that can work: what an empty initramfs needs, plus the image beyond that.
[[nodiscard]] std::uint64_t needed_bytes(const Profile& profile, ImageNeed image);
/// A recommendation: the profile's size for this much RAM, or more where the image needs it.
[[nodiscard]] std::uint64_t recommended_bytes(const Profile& profile, std::uint64_t ram,
                                              ImageNeed image);

}  // namespace mkcapture
