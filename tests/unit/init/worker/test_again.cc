#include <doctest/doctest.h>

#include <cerrno>

#include "init/worker/again.h"

using namespace mkcapture;
using namespace mkcapture::init;

TEST_CASE("another try: what may be there by then, and not what says no") {
  const auto again = [](Step step, Error error, bool other_path = false) {
    return worth_another_try(step, error, other_path);
  };
  CHECK(again(Step::kDevice, fail(ErrorKind::kUnavailable, "no device")));
  CHECK(again(Step::kDrivers, fail(ErrorKind::kTimedOut, "hanging")));
  CHECK(again(Step::kConnect, sys_error("connect", ECONNREFUSED)));
  CHECK(again(Step::kAddress, fail("no lease")));
  CHECK(again(Step::kMount, sys_error("mount", EIO)));
  CHECK(again(Step::kDump, fail(ErrorKind::kTimedOut, "no progress")));
  CHECK(again(Step::kMount, fail("bad superblock"), true));

  CHECK_FALSE(again(Step::kStart, fail("no headers")));
  CHECK_FALSE(again(Step::kConnect, fail(ErrorKind::kRefused, "permission denied")));
  CHECK_FALSE(again(Step::kDevice, fail(ErrorKind::kRefused, "is not overwritten")));
  CHECK_FALSE(again(Step::kMount, fail("bad superblock")));
  CHECK_FALSE(again(Step::kMount, sys_error("mount", EROFS), true));
  CHECK_FALSE(again(Step::kDump, sys_error("write", ENOSPC)));
}
