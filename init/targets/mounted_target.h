// What targets on a file system that this process mounts have in common (disk, NFS): once open()
// has mounted it at kMountPoint, all the rest is a directory there.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "init/targets/mounted_directory.h"
#include "init/targets/target.h"

namespace mkcapture::init {

class MountedTarget : public Target {
 public:
  Result<std::unique_ptr<Output>> create(const std::string& file,
                                         const Deadline& deadline) override;
  Status rename(const std::string& from, const std::string& to, const Deadline& deadline) override;
  std::optional<std::uint64_t> free_bytes(const Deadline& deadline) override;
  Status close(const Deadline& deadline) override;

 protected:
  static constexpr const char* kMountPoint = "/mnt";

  explicit MountedTarget(CaptureContext context) : context_(context) {}

  /// For make_directory(): `path` counts from the root of what is mounted.
  Result<std::string> make_directory_below(const std::string& path, const std::string& name);

  CaptureContext context_;

 private:
  std::optional<MountedDirectory> directory_;
};

}  // namespace mkcapture::init
