#include "init/devices/block_probe.h"

#include <blkid/blkid.h>

#include <cerrno>

namespace mkcapture::init {
namespace {

struct FreeProbe {
  void operator()(blkid_struct_probe* probe) const { blkid_free_probe(probe); }
};

std::string value(blkid_probe probe, const char* name) {
  const char* data = nullptr;
  if (blkid_probe_lookup_value(probe, name, &data, nullptr) != 0 || data == nullptr) return {};
  return data;
}

class BlkidProber final : public BlockProber {
 public:
  Result<BlockIdentity> probe(const std::string& path, Tables tables) override {
    errno = 0;
    const std::unique_ptr<blkid_struct_probe, FreeProbe> owned(
        blkid_new_probe_from_filename(path.c_str()));
    if (!owned) return sys_error(path, errno != 0 ? errno : EIO);
    blkid_probe p = owned.get();
    blkid_probe_enable_superblocks(p, 1);
    blkid_probe_set_superblocks_flags(
        p, BLKID_SUBLKS_TYPE | BLKID_SUBLKS_USAGE | BLKID_SUBLKS_UUID | BLKID_SUBLKS_LABEL);
    if (tables == Tables::kRead) {
      blkid_probe_enable_partitions(p, 1);
      blkid_probe_set_partitions_flags(p, BLKID_PARTS_ENTRY_DETAILS);
    }
    const int found = blkid_do_safeprobe(p);  // 1: nothing; -2: more than one signature
    if (found == -2) return fail(path + ": more than one file system's signature");
    if (found < 0) return sys_error(path, errno != 0 ? errno : EIO);
    BlockIdentity identity{
        value(p, "TYPE"),  value(p, "USAGE"),           value(p, "UUID"),
        value(p, "LABEL"), value(p, "PART_ENTRY_UUID"), value(p, "PART_ENTRY_NAME")};
    if (identity.type.empty() && blkid_probe_has_value(p, "PTTYPE") != 0) {
      identity.type = value(p, "PTTYPE");
      identity.usage = kPartitions;
    }
    return identity;
  }
};

}  // namespace

std::unique_ptr<BlockProber> make_blkid_prober() {
  return std::make_unique<BlkidProber>();
}

}  // namespace mkcapture::init
