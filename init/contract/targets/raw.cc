#include "init/contract/targets/raw.h"

namespace mkcapture {

Result<RawSpec> RawSpec::parse(std::string_view text) {
  TRY_ASSIGN(device, parse_device(text));
  return RawSpec{std::move(device)};
}

std::string RawSpec::to_string() const {
  return std::string(kPrefix) + mkcapture::to_string(device);
}

TargetNeeds RawSpec::needs() const {
  TargetNeeds needs;
  needs.device = device;
  return needs;
}

}  // namespace mkcapture
