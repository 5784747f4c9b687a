#include "builder/service/capture_kernel.h"

#include "builder/host/device_drivers.h"
#include "init/base/units.h"

namespace mkcapture {

namespace {

std::string kexec_fact(Host& host, const std::string& name) {
  const std::string text = fact(host, "/sys/kernel/kexec/" + name);
  return text.empty() ? fact(host, "/sys/kernel/kexec_" + name) : text;
}

// "none [integrity] confidentiality": the one in brackets is in force.
std::string lockdown_in(const std::string& text) {
  const auto open = text.find('['), close = text.find(']');
  if (open == std::string::npos || close == std::string::npos || close < open) return "";
  const std::string word = text.substr(open + 1, close - open - 1);
  return word == "none" ? "" : word;
}

}  // namespace

CaptureKernel capture_kernel_of(Host& host) {
  CaptureKernel kernel;
  if (const auto size = parse_number(kexec_fact(host, "crash_size"))) kernel.reserved = *size;
  kernel.loaded = kexec_fact(host, "crash_loaded") == "1";
  kernel.lockdown = lockdown_in(fact(host, "/sys/kernel/security/lockdown"));
  return kernel;
}

}  // namespace mkcapture
