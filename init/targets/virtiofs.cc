#include "init/targets/virtiofs.h"

#include <sys/mount.h>

#include <algorithm>
#include <cerrno>

#include "init/targets/mounted_target.h"

namespace mkcapture::init {
namespace {

constexpr Milliseconds kRetryPause{200};  // for a device that appears late

class VirtiofsTarget final : public MountedTarget {
 public:
  VirtiofsTarget(const VirtiofsSpec& spec, const TargetContext& context)
      : MountedTarget(context), spec_(spec) {}

  Status open(const Deadline& deadline) override {
    context_.steps.enter(Step::kDevice);
    TRY(context_.system.make_dir(kMountPoint));
    for (;;) {
      Status done = context_.system.mount(spec_.tag, kMountPoint, "virtiofs",
                                          MS_NOATIME | MS_NOSUID | MS_NODEV | MS_NOEXEC, "");
      if (done) break;
      // EINVAL: no device has this tag (virtio_fs_get_tree() in fs/fuse/virtio_fs.c).
      if (done.error().code != EINVAL) return done;
      if (deadline.passed()) {
        return fail(ErrorKind::kUnavailable,
                    "no share with the tag " + spec_.tag + ": " + done.error().message);
      }
      context_.system.sleep(std::min(kRetryPause, deadline.left()));
    }
    context_.system.log("mounted the share " + spec_.tag);
    mounted(spec_.path);
    return {};
  }

 private:
  VirtiofsSpec spec_;
};

}  // namespace

std::unique_ptr<Target> make_target_of(const VirtiofsSpec& spec, const TargetContext& context) {
  return std::make_unique<VirtiofsTarget>(spec, context);
}

}  // namespace mkcapture::init
