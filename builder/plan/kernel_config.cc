#include "builder/plan/kernel_config.h"

#include "builder/image/compress.h"
#include "builder/plan/ikconfig.h"

namespace mkcapture {

namespace {

constexpr const char* kOfRunning = "/proc/config.gz";
constexpr std::uint64_t kMaxConfig = 4 << 20;
constexpr std::size_t kMaxKernelImage = 256 << 20;

std::string kernel_bytes(Host& host, const KernelFiles& kernel) {
  if (kernel.image.empty()) return "";
  if (const auto& part = kernel.linux_part) {
    if (part->size > kMaxKernelImage) return "";
    return host.read_at(kernel.image, part->offset, part->size).value_or("");
  }
  return host.read_whole(kernel.image, kMaxKernelImage).value_or("");
}

}  // namespace

void find_kernel_config(Host& host, Plan& plan) {
  KernelFiles& kernel = plan.kernel;
  if (kernel.config.known()) return;
  if (plan.this_machine && kernel.release == host.kernel_release()) {
    const auto packed = host.read_file(kOfRunning);
    const auto text =
        packed ? decompress(*packed, kMaxConfig) : Result<std::string>(packed.error());
    if (text) {
      kernel.config = parse_kernel_config(*text);
      kernel.config_path = kOfRunning;
      return;
    }
  }
  if (const auto text = ikconfig_of(kernel_bytes(host, kernel))) {
    kernel.config = parse_kernel_config(*text);
    kernel.config_path = kernel.image + " (IKCONFIG)";
  }
}

}  // namespace mkcapture
