#include "init/base/result.h"

#include <cerrno>

namespace mkcapture {

ErrorKind kind_of(int code) noexcept {
  switch (code) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return ErrorKind::kNoSpace;
    case ETIMEDOUT:
      return ErrorKind::kTimedOut;
    case EACCES:
    case EPERM:
    case EROFS:
    case ECONNREFUSED:
      return ErrorKind::kRefused;
    case ENOENT:
    case ENODEV:
    case ENXIO:
    case EHOSTUNREACH:
    case ENETUNREACH:
    case ENETDOWN:
    case EHOSTDOWN:
    case EAGAIN:
      return ErrorKind::kUnavailable;
    default:
      return ErrorKind::kBroken;
  }
}

}  // namespace mkcapture
