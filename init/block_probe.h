// What a block device holds, by libblkid.
#pragma once

#include <memory>
#include <string>

#include "common/result.h"

namespace capture {

/// Empty where there is none. The names are libblkid's ("ext4", "vfat", "crypto_LUKS").
struct BlockIdentity {
  std::string type;
  std::string usage;  // "filesystem", "raid", "crypto", "other"
  std::string uuid;
  std::string label;
  std::string part_uuid;
  std::string part_label;
};

class BlockProber {
 public:
  virtual ~BlockProber() = default;
  /// Whether part_uuid and part_label are wanted: the disk's partition table is read for them.
  enum class Entry { kLeave, kRead };

  /// Reads a few hundred kilobytes of `path` at most. A device without any known content is a
  /// success with an empty identity; contradicting signatures are an error.
  [[nodiscard]] virtual Result<BlockIdentity> probe(const std::string& path, Entry entry) = 0;
};

[[nodiscard]] std::unique_ptr<BlockProber> make_blkid_prober();

}  // namespace capture
