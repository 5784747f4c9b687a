#include "init/targets/nfs_store.h"

#include "init/system/patience.h"

namespace mkcapture::init {
namespace {

constexpr Milliseconds kLongestGrace{300'000};

}  // namespace

Result<std::unique_ptr<Output>> NfsStore::create(const std::string& file,
                                                 const Deadline& deadline) {
  if (opened_) return MountedStore::create(file, deadline);
  const Patience patience(system_, steps_,
                          "the server opens no file yet: its grace period is waited for",
                          deadline.sooner(kLongestGrace).left());
  auto output = MountedStore::create(file, deadline);
  opened_ = output.ok();
  return output;
}

}  // namespace mkcapture::init
