// What stands between a target's device and the disks: a layer that /init has to bring up. The
// builder sees it in /sys, names it here, and /init looks for nothing else.
//
// In etc/capture.conf a line "layer=KIND" (whatever of this kind is found), or
// "layer=KIND:UUID:MEMBERS:NAME" (this one), for example
//   layer=lvm:ugSIdqmSefPfiRw1YpXvU92GFYatoir2CSceCsvees5SSai2YtjntNpdMntpe22v:2:vg0/var
//   layer=md:0c6a1f0e6a4b2c3d4e5f60718293a4b5:2:md0
// A disk at the other end of a network has "layer=nvme_tcp:OPTIONS" in their place: what the
// kernel's /dev/nvme-fabrics takes
// ("transport=tcp,traddr=10.0.0.5,trsvcid=4420,nqn=...,hostnqn=...").
#pragma once

#include <string>
#include <string_view>

#include "init/base/result.h"

namespace mkcapture {

struct StorageLayer {
  enum class Kind { kLvm, kMd, kNvmeTcp };
  Kind kind = Kind::kLvm;
  /// Letters and digits, without dashes. LVM: the volume group's UUID and the volume's, 32
  /// characters each; md: the array's as libblkid has it, 32 hexadecimal digits. Empty: any.
  std::string uuid;
  unsigned members = 0;  // when the image was built; for messages
  /// "vg0/var", "md0": for messages. Of NVMe/TCP the options, which may hold a secret.
  std::string name;

  [[nodiscard]] bool any() const noexcept { return uuid.empty() && name.empty(); }
  friend bool operator==(const StorageLayer&, const StorageLayer&) = default;
};

[[nodiscard]] Result<StorageLayer> parse_layer(std::string_view text);
/// parse_layer(to_string(layer)) gives it again.
[[nodiscard]] std::string to_string(const StorageLayer& layer);
[[nodiscard]] std::string_view to_string(StorageLayer::Kind kind);  // "lvm", "md", "nvme_tcp"

/// "traddr" of an NVMe/TCP layer's options; empty where it has none.
[[nodiscard]] std::string_view nvme_option(std::string_view options, std::string_view key);

/// A UUID as it stands in a layer.
[[nodiscard]] std::string without_dashes(std::string_view uuid);

/// The module of an md level as /sys/block/mdX/md/level has it ("raid5": "raid456"); empty for one
/// that no module of its own serves.
[[nodiscard]] std::string_view md_module(std::string_view level);

}  // namespace mkcapture
