// virtiofs:TAG:/PATH: a directory that the host of a virtual machine shares. The specification; the
// target itself is init/targets/virtiofs.h.
#pragma once

#include "init/contract/targets/needs.h"

namespace mkcapture {

struct VirtiofsSpec {
  static constexpr std::string_view kPrefix = "virtiofs:";
  static constexpr std::string_view kForm = "virtiofs:TAG:/PATH";

  std::string tag;   // of the share, 1 to 36 bytes (linux/virtio_fs.h)
  std::string path;  // absolute, from the share's root

  /// `text` is what follows the prefix.
  [[nodiscard]] static Result<VirtiofsSpec> parse(std::string_view text);
  [[nodiscard]] std::string to_string() const;
  [[nodiscard]] TargetNeeds needs() const;
  [[nodiscard]] Status check() const { return {}; }
  bool operator==(const VirtiofsSpec&) const = default;
};

}  // namespace mkcapture
