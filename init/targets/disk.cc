#include "init/targets/disk.h"

#include <sys/mount.h>

#include "init/base/text.h"
#include "init/devices/block_device_wait.h"
#include "init/net/bring_up.h"
#include "init/targets/mounted_target.h"

namespace mkcapture::init {
namespace {

constexpr std::size_t kMaxFilesystemsText = 16 << 10;

// A file system's own word for what an error in it does (s_errors of the superblock,
// fs/ext4/ext4.h).
constexpr std::uint64_t kExtErrorsAt = 1024 + 0x3c;
constexpr std::string_view kExtPanics("\3\0", 2);

bool is_ext(std::string_view type) {
  return type == "ext2" || type == "ext3" || type == "ext4";
}

/// Whether a line of /proc/filesystems ("nodev\tproc" or "\text4") names `type`.
bool is_builtin(std::string_view filesystems, std::string_view type) {
  for (const auto line : split(filesystems, '\n')) {
    if (trim(line) == type) return true;
  }
  return false;
}

class DiskTarget final : public MountedTarget {
 public:
  DiskTarget(const DiskSpec& spec, const TargetContext& context)
      : MountedTarget(context), spec_(spec) {}

  Status open(const Deadline& deadline) override {
    if (is_remote()) {
      TRY_ASSIGN(control, context_.open_links());
      TRY(bring_up_network(context_, *control, deadline));
    }
    BlockDeviceWait block(context_, spec_, context_.make_prober());
    TRY_ASSIGN(device, block.wait(deadline));

    context_.steps.enter(Step::kMount);
    auto& system = context_.system;
    const std::string builtin =
        system.read_file("/proc/filesystems", kMaxFilesystemsText).value_or("");
    TRY_ASSIGN(plan, plan_mount(device, context_.config, builtin));
    context_.modules.load_filesystem(plan.modules);
    if (plan.type == "btrfs") TRY(block.wait_for_btrfs(device, deadline));
    // It would end this kernel, and with it the next target's turn.
    if (plan.type == "ext4" &&
        system.read_at(device.path, kExtErrorsAt, kExtPanics.size()).value_or("") == kExtPanics)
      plan.data = "errors=remount-ro";
    TRY(system.make_dir(kMountPoint));
    TRY(system.mount(device.path, kMountPoint, plan.type,
                     MS_NOATIME | MS_NOSUID | MS_NODEV | MS_NOEXEC, plan.data));
    MountedStore& store = mounted(spec_.path);
    if (plan.type == "vfat") store.use_no_colons();
    return {};
  }

 private:
  /// At the other end of a network.
  bool is_remote() const {
    for (const auto& target : context_.config.targets) {
      for (const auto& layer : target.layers)
        if (target.spec == TargetSpec(spec_) && layer.kind == StorageLayer::Kind::kNvmeTcp)
          return true;
    }
    return false;
  }

  DiskSpec spec_;
};

}  // namespace

Result<MountPlan> plan_mount(const BlockDevice& device, const CaptureConfig& config,
                             std::string_view builtin) {
  const std::string& found = device.identity.type;
  if (found.empty()) return fail("there is no file system on " + device.path);
  if (!device.identity.usage.empty() && device.identity.usage != "filesystem") {
    return fail(device.path + " holds " + found + ", not a file system");
  }
  MountPlan plan;
  plan.type = is_ext(found) ? "ext4" : found;
  // Names on vfat have no owner and no mode; the dump holds the machine's secrets.
  if (plan.type == "vfat") plan.data = "umask=0077";
  // The path counts from the top (path_in_filesystem() of the builder), whatever subvolume
  // `btrfs subvolume set-default` has chosen; 5 is BTRFS_FS_TREE_OBJECTID.
  if (plan.type == "btrfs") plan.data = "subvolid=5";
  for (const auto& entry : config.filesystems) {
    const bool same = entry.type == found || (is_ext(found) && entry.type == "ext4");
    if (!same) continue;
    plan.modules = entry.modules;
    return plan;
  }
  if (is_builtin(builtin, plan.type)) return plan;
  std::string known;
  for (const auto& entry : config.filesystems)
    known += (known.empty() ? "" : ", ") + entry.type;
  return fail(device.path + " holds " + found + ", which this image cannot mount (it can mount " +
              (known.empty() ? "none" : known) + ")");
}

std::unique_ptr<Target> make_target_of(const DiskSpec& spec, const TargetContext& context) {
  return std::make_unique<DiskTarget>(spec, context);
}

}  // namespace mkcapture::init
