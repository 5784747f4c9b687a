#include "init/system/patience.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace mkcapture::init {
namespace {

constexpr Milliseconds kTick{250};
constexpr Milliseconds kSuspicious{5'000};
constexpr std::size_t kStackBytes = 64 << 10;

}  // namespace

Patience::Patience(System& system, StepReporter& steps, std::string words, Milliseconds limit)
    : system_(system),
      steps_(steps),
      words_(std::move(words)),
      limit_(limit),
      over_(eventfd(0, EFD_CLOEXEC)) {
  if (!over_.valid()) return;
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, kStackBytes);
  has_thread_ = pthread_create(
                    &thread_, &attributes,
                    [](void* self) -> void* {
                      static_cast<Patience*>(self)->run();
                      return nullptr;
                    },
                    this) == 0;
  pthread_attr_destroy(&attributes);
}

Patience::~Patience() {
  if (!has_thread_) return;
  const std::uint64_t one = 1;
  (void)!write(over_.get(), &one, sizeof one);
  pthread_join(thread_, nullptr);
}

void Patience::run() {
  Milliseconds waited{0};
  pollfd over{.fd = over_.get(), .events = POLLIN, .revents = 0};
  while (waited < limit_ && poll(&over, 1, static_cast<int>(kTick.count())) == 0) {
    waited += kTick;
    steps_.progress();
    if (waited == kSuspicious) system_.log(words_);
  }
}

}  // namespace mkcapture::init
