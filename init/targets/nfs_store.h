// Dumps on an NFS server: as on any mounted file system, with patience for a server that has just
// come up. For its grace period (90 s by default, RFC 8881 8.4.2.1) it opens no file for a new
// client, and the kernel asks again by itself, without a word and without an end.
#pragma once

#include "init/system/steps.h"
#include "init/targets/mounted_store.h"

namespace mkcapture::init {

class NfsStore final : public MountedStore {
 public:
  NfsStore(System& system, StepReporter& steps, std::string mount_point, std::string path)
      : MountedStore(system, std::move(mount_point), std::move(path)),
        system_(system),
        steps_(steps) {}

  /// May take as long as a grace period does, five minutes at most; that counts as progress. A
  /// server that is silent ends it sooner (the mount is a soft one).
  Result<std::unique_ptr<Output>> create(const std::string& file,
                                         const Deadline& deadline) override;

 private:
  System& system_;
  StepReporter& steps_;
  bool opened_ = false;  // a file: the grace period is over
};

}  // namespace mkcapture::init
