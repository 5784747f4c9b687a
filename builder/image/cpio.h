// The "new ASCII" cpio format, as the kernel unpacks it: Documentation/driver-api/early-userspace/
// buffer-format.rst, init/initramfs.c. Written by libarchive; read by a reader of our own, so that
// reading an image back is a second opinion. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "builder/base/usage.h"

namespace mkcapture {

/// File types in a member's mode: the format's own numbers, those of stat(2) on Linux.
inline constexpr std::uint32_t kCpioType = 0170000;  // the bits
inline constexpr std::uint32_t kCpioFile = 0100000, kCpioFolder = 0040000, kCpioLink = 0120000;
inline constexpr std::uint32_t kCpioChar = 0020000, kCpioBlock = 0060000, kCpioPipe = 0010000;
inline constexpr std::uint32_t kCpioSocket = 0140000;

struct CpioMember {
  std::string path;  // no leading '/'
  std::uint32_t mode = 0;
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::uint32_t mtime = 0;
  std::uint32_t major = 0;  // of a device node
  std::uint32_t minor = 0;
  std::string_view data;  // a file's bytes, a symlink's target

  [[nodiscard]] bool is(std::uint32_t type) const { return (mode & kCpioType) == type; }
  [[nodiscard]] bool is_device() const { return is(kCpioChar) || is(kCpioBlock); }
};

/// In the order given, uid and gid 0, ended by the trailer, without padding behind it.
[[nodiscard]] Result<std::string> write_cpio(const std::vector<CpioMember>& members,
                                             std::uint32_t mtime);

/// What one archive holds.
struct CpioArchive {
  std::vector<CpioMember> members;  // views into the text
  std::size_t bytes = 0;            // with its trailer
};
/// Reads one archive ("070701" or "070702") from the start of `text`, to its trailer or the text's
/// end. Input is untrusted. An error says at which byte.
[[nodiscard]] Result<CpioArchive> read_cpio_archive(std::string_view text);

[[nodiscard]] inline bool has_cpio_magic(std::string_view text) {
  return text.substr(0, 6) == "070701" || text.substr(0, 6) == "070702";
}

}  // namespace mkcapture
