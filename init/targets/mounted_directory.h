// The dump directory on a file system that this process has mounted (disk, NFS).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "init/base/result.h"
#include "init/base/unique_fd.h"
#include "init/output/output.h"

namespace mkcapture::init {

class MountedDirectory {
 public:
  /// Creates `path` below `mount_point` as mkdir -p does (0755; symbolic links are followed as if
  /// the mount point were "/"), and in it the directory `name`, mode 0700: a dump holds the
  /// machine's secrets. Where `name` exists, "-1", "-2" ... is appended.
  [[nodiscard]] static Result<MountedDirectory> make(const std::string& mount_point,
                                                     const std::string& path,
                                                     const std::string& name);

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  /// Creates or truncates a file, mode 0600; unwritten ranges stay holes.
  [[nodiscard]] Result<std::unique_ptr<Output>> create(const std::string& file);
  /// Atomically, and synced: the names are on stable storage when it returns.
  Status rename(const std::string& from, const std::string& to);

 private:
  MountedDirectory(UniqueFd directory, std::string name)
      : directory_(std::move(directory)), name_(std::move(name)) {}

  UniqueFd directory_;
  std::string name_;
};

/// Bytes that an unprivileged writer may still use below `path`; nothing where it cannot be told.
[[nodiscard]] std::optional<std::uint64_t> free_bytes_below(const std::string& path);

}  // namespace mkcapture::init
