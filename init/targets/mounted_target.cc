#include "init/targets/mounted_target.h"

#include <utility>

namespace mkcapture::init {
namespace {

constexpr const char* kNoDirectory = "no directory was made";

}  // namespace

Result<std::string> MountedTarget::make_directory_below(const std::string& path,
                                                        const std::string& name) {
  auto made = MountedDirectory::make(kMountPoint, path, name);
  if (!made) return std::move(made).error();
  directory_.emplace(*std::move(made));
  return directory_->name();
}

Result<std::unique_ptr<Output>> MountedTarget::create(const std::string& file, const Deadline&) {
  if (!directory_) return fail(kNoDirectory);
  return directory_->create(file);
}

Status MountedTarget::rename(const std::string& from, const std::string& to, const Deadline&) {
  if (!directory_) return fail(kNoDirectory);
  return directory_->rename(from, to);
}

std::optional<std::uint64_t> MountedTarget::free_bytes(const Deadline&) {
  return free_bytes_below(kMountPoint);
}

Status MountedTarget::close(const Deadline&) {
  directory_.reset();
  return context_.system.unmount(kMountPoint);
}

}  // namespace mkcapture::init
