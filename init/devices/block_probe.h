// What a block device holds, by libblkid.
#pragma once

#include <memory>
#include <string>

#include "init/base/result.h"

namespace mkcapture::init {

/// Empty where there is none. The names are libblkid's ("ext4", "vfat", "crypto_LUKS").
struct BlockIdentity {
  std::string type;
  std::string usage;  // "filesystem", "raid", "crypto", "other"; kPartitions
  std::string uuid;
  std::string label;
  std::string part_uuid;
  std::string part_label;
};

/// The usage of a disk that holds nothing but partitions; its type is then the table's ("gpt",
/// "dos").
inline constexpr const char* kPartitions = "partitions";

class BlockProber {
 public:
  virtual ~BlockProber() = default;
  /// Whether partition tables are read: for part_uuid and part_label, and to know a disk that holds
  /// one.
  enum class Tables { kLeave, kRead };

  /// Reads a few hundred kilobytes of `path` at most. A device without any known content is a
  /// success with an empty identity; contradicting signatures are an error.
  [[nodiscard]] virtual Result<BlockIdentity> probe(const std::string& path, Tables tables) = 0;
};

[[nodiscard]] std::unique_ptr<BlockProber> make_blkid_prober();

}  // namespace mkcapture::init
