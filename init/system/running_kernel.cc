#include "init/system/running_kernel.h"

#include "init/base/text.h"

namespace mkcapture::init {
namespace {

constexpr std::size_t kMaxRelease = 256;  // utsname has 64

}  // namespace

std::string running_kernel(System& system) {
  const auto release = system.read_file("/proc/sys/kernel/osrelease", kMaxRelease);
  return release ? std::string(trim(*release)) : std::string();
}

bool is_another_kernel(System& system, std::string_view release) {
  const std::string running = running_kernel(system);
  return !release.empty() && !running.empty() && running != release;
}

}  // namespace mkcapture::init
