#include "init/worker/again.h"

#include <cerrno>

namespace mkcapture::init {

bool worth_another_try(Step step, const Error& error, bool other_path) {
  const bool final = error.kind == ErrorKind::kRefused || error.kind == ErrorKind::kUsage ||
                     error.kind == ErrorKind::kNoSpace;
  switch (step) {
    case Step::kStart:  // the vmcore itself: the same for every target
      return false;
    case Step::kDrivers:
    case Step::kDevice:
    case Step::kLink:
    case Step::kAddress:
    case Step::kConnect:  // a server that is starting refuses connections, too
      return !final || error.code == ECONNREFUSED;
    default:
      return error.kind == ErrorKind::kTimedOut || error.kind == ErrorKind::kUnavailable ||
             error.code == EIO || (other_path && error.kind == ErrorKind::kBroken);
  }
}

}  // namespace mkcapture::init
