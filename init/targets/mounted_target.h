// What targets on a file system that this process mounts have in common (disk, NFS): open() mounts
// it at kMountPoint and calls mounted(); all the rest is a MountedStore there.
#pragma once

#include <optional>
#include <string>

#include "init/targets/mounted_store.h"
#include "init/targets/target.h"

namespace mkcapture::init {

class MountedTarget : public Target {
 public:
  DumpStore& store() override { return *store_; }
  Status close(const Deadline&) override {
    store_.reset();  // a folder that is open keeps the file system busy
    return context_.system.unmount(kMountPoint);
  }

 protected:
  static constexpr const char* kMountPoint = "/mnt";

  explicit MountedTarget(const TargetContext& context) : context_(context) {}

  /// `path` counts from the root of what is mounted.
  MountedStore& mounted(const std::string& path) {
    return store_.emplace(context_.system, kMountPoint, path);
  }

  TargetContext context_;

 private:
  std::optional<MountedStore> store_;
};

}  // namespace mkcapture::init
