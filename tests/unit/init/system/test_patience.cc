#include <doctest/doctest.h>
#include <unistd.h>

#include <atomic>

#include "init/system/patience.h"
#include "tests/fakes/fake_system.h"

using namespace mkcapture;
using namespace mkcapture::init;

namespace {

class Counted final : public StepReporter {
 public:
  std::atomic<int> signs{0};
  void enter(Step) override {}
  void progress() override { ++signs; }
};

}  // namespace

TEST_CASE("patience: signs of life while a call takes long, up to its limit") {
  FakeSystem system;
  Counted steps;
  {
    const Patience patience(system, steps, "words", Milliseconds(500));
    usleep(1'200'000);
  }
  CHECK(steps.signs == 2);
  CHECK_FALSE(system.logged("words"));  // only a long wait is told of
  {
    const Patience quick(system, steps, "words", Milliseconds(60'000));
  }
  CHECK(steps.signs == 2);
}
