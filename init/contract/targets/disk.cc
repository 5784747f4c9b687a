#include "init/contract/targets/disk.h"

namespace mkcapture {

Result<DiskSpec> DiskSpec::parse(std::string_view text) {
  // The first ":/" is the border: labels and /dev/disk/by-path/ names may contain ':'.
  const auto border = text.find(":/");
  if (border == std::string_view::npos) {
    return fail("no absolute path behind the device: write disk:DEVICE:/PATH");
  }
  TRY_ASSIGN(device, parse_device(text.substr(0, border)));
  TRY_ASSIGN(path, parse_path(text.substr(border + 1)));
  return DiskSpec{std::move(device), std::move(path)};
}

std::string DiskSpec::to_string() const {
  return std::string(kPrefix) + mkcapture::to_string(device) + ":" + path;
}

TargetNeeds DiskSpec::needs() const {
  TargetNeeds needs;
  needs.device = device;
  needs.filesystem = true;
  needs.directory = path;
  return needs;
}

}  // namespace mkcapture
