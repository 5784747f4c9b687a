// A disk that says it is a member of an md array.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "init/devices/storage/md_superblock.h"

using namespace mkcapture;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view disk(reinterpret_cast<const char*>(data), size);
  const auto found = init::read_md_superblock(
      [&](std::uint64_t offset, std::size_t bytes) -> Result<std::string> {
        if (offset >= disk.size()) return std::string();
        return std::string(disk.substr(static_cast<std::size_t>(offset), bytes));
      },
      size);
  if (!found) return 0;
  if (found->raid_disks == 0 || found->active.size() != found->raid_disks ||
      found->role >= static_cast<int>(found->raid_disks) ||
      init::md_level_name(found->level).empty()) {
    std::abort();
  }
  (void)init::md_is_enough(*found, found->active);
  return 0;
}
