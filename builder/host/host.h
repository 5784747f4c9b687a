// Host: this machine as the tool looks at it, by way of one interface, so that tests give it any
// files, disks, mounts and routes. No room of the builder but this one opens a file, runs a program
// or asks the kernel; libkmod does for modules/ (modules/kernel_tree.h). What is here are raw
// facts; what they mean is decided in plan.cc and the readers beside it (mountinfo, block_stack,
// routes).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "builder/base/usage.h"
#include "builder/host/network_facts.h"

namespace mkcapture {

/// A block device's number.
struct DeviceNumber {
  std::uint32_t major = 0;
  std::uint32_t minor = 0;
  friend bool operator==(const DeviceNumber&, const DeviceNumber&) = default;
};
[[nodiscard]] std::string to_string(DeviceNumber number);  // "254:1"
[[nodiscard]] std::optional<DeviceNumber> parse_device_number(std::string_view text);

/// What blkid finds on a device; empty where there is none or it cannot be read.
struct BlockTags {
  std::string type;  // "ext4", "crypto_LUKS", "LVM2_member", ...
  std::string uuid;
  std::string label;
  std::string partuuid;
  std::string partlabel;
};

/// What can be said of a file without reading it.
struct FileStamp {
  std::uint64_t bytes = 0;
  std::int64_t changed = 0;  // st_mtime, seconds since 1970
  bool folder = false;
  bool regular = true;        // no folder, device, pipe or socket
  std::uint32_t mode = 0644;  // permissions
  friend bool operator==(const FileStamp&, const FileStamp&) = default;
};

class Host {
 public:
  static constexpr std::size_t kMaxFactBytes = 4 << 20;

  virtual ~Host() = default;

  // Paths are as this machine sees them; relative ones begin at the folder that the tool runs in.
  /// The bytes of a file, /proc and /sys too; an error names the file. More than `limit`: EFBIG.
  [[nodiscard]] virtual Result<std::string> read_whole(const std::string& path,
                                                       std::size_t limit) = 0;
  /// A fact, or a text that somebody wrote: at most kMaxFactBytes.
  [[nodiscard]] Result<std::string> read_file(const std::string& path) {
    return read_whole(path, kMaxFactBytes);
  }
  [[nodiscard]] virtual Result<std::string> read_link(const std::string& path) = 0;
  [[nodiscard]] virtual Result<std::vector<std::string>> list_dir(const std::string& path) = 0;
  [[nodiscard]] virtual bool exists(const std::string& path) = 0;
  /// Bytes of a file or block device from `offset`; fewer at its end.
  [[nodiscard]] virtual Result<std::string> read_at(const std::string& node, std::uint64_t offset,
                                                    std::size_t bytes) = 0;
  /// Absolute, with every link resolved; an error where the path does not exist.
  [[nodiscard]] virtual Result<std::string> real_path(const std::string& path) = 0;

  /// Two paths, links followed, lead to one file or folder.
  [[nodiscard]] virtual bool same_file(const std::string& a, const std::string& b) = 0;

  /// The number of a block device node, links followed.
  [[nodiscard]] virtual std::optional<DeviceNumber> block_device(const std::string& path) = 0;
  /// Probes the device (needs root); /dev/NAME is its node.
  [[nodiscard]] virtual BlockTags probe(const std::string& node) = 0;

  /// The first `bytes` of a device, which is opened for nobody else at the same time (O_EXCL):
  /// EBUSY where something has claimed it: a mount, swap, a RAID, a volume group, a virtual
  /// machine.
  [[nodiscard]] virtual Result<std::string> read_unclaimed(const std::string& node,
                                                           std::size_t bytes) = 0;

  [[nodiscard]] virtual std::string machine() = 0;         // uname -m
  [[nodiscard]] virtual std::string kernel_release() = 0;  // uname -r
  /// Addresses of a host name, IPv4 first, as text; an error where it is not known now.
  [[nodiscard]] virtual Result<std::vector<std::string>> resolve(const std::string& name) = 0;

  // network_facts.h
  [[nodiscard]] virtual std::vector<NetworkLink> network_links() = 0;
  [[nodiscard]] virtual std::vector<InterfaceAddress> addresses(const std::string& interface) = 0;
  [[nodiscard]] virtual std::optional<NetworkRoute> network_route(const std::string& address) = 0;

  /// Runs a program (PATH is searched) and gives its standard output; an error has the last line of
  /// its standard error.
  [[nodiscard]] virtual Result<std::string> run(const std::vector<std::string>& argv) = 0;

  /// Links followed; empty where there is nothing.
  [[nodiscard]] virtual std::optional<FileStamp> stamp(const std::string& path) = 0;
  [[nodiscard]] bool is_folder(const std::string& path) {
    const auto found = stamp(path);
    return found && found->folder;
  }
  [[nodiscard]] bool is_file(const std::string& path) {
    const auto found = stamp(path);
    return found && found->regular;
  }

  // The image is written, and the subcommands keep files of their own; nothing of the plan writes.
  /// At most the first `bytes` of a file of any size.
  [[nodiscard]] virtual Result<std::string> read_start(const std::string& path,
                                                       std::size_t bytes) = 0;
  /// Written whole beside `path`, synced and renamed into place. On an error nothing of it is left,
  /// and what was at `path` is still there. A device or a pipe at `path` is an error, as the
  /// renaming would replace it.
  [[nodiscard]] virtual Status replace_file(const std::string& path, std::string_view bytes,
                                            std::uint32_t mode) = 0;
  /// The same, and the folders above it are made, mode 0755.
  [[nodiscard]] virtual Status write_file(const std::string& path, std::string_view bytes,
                                          std::uint32_t mode) = 0;
  [[nodiscard]] virtual Status rename_file(const std::string& from, const std::string& to) = 0;
  /// A file that is not there is removed already.
  [[nodiscard]] virtual Status remove_file(const std::string& path) = 0;
  /// What an unprivileged user could write at `path`; empty where that cannot be told.
  [[nodiscard]] virtual std::optional<std::uint64_t> free_bytes(const std::string& path) = 0;
  [[nodiscard]] virtual std::int64_t now() = 0;  // seconds since 1970

  /// The folder of this program's own file.
  [[nodiscard]] virtual std::string program_folder() = 0;
};

/// The machine that the tool runs on.
[[nodiscard]] std::unique_ptr<Host> real_host();

}  // namespace mkcapture
