// Resolver: from what the targets need to the modules of one kernel, in load order, each with the
// reason why it is in. Nothing is read from the running system: the tree is all it knows.
//
// /init has no modprobe. What modprobe or the kernel's request_module() would do on a running
// system is done here, ahead: the closure of modules.dep, soft dependencies, and what a module
// asks for while it initialises (the [[needs]] tables of modules/*.toml).
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "init/base/result.h"
#include "init/contract/capture_config.h"
#include "modules/kernel_tree.h"
#include "modules/module_sets.h"

namespace mkcapture {

/// One wish.
struct DriverRequest {
  /// A module's name ("ext4", "nvme-core", with '-' or '_'), "alias:MODALIAS" as the kernel writes
  /// it in /sys ("alias:pci:v00001AF4d..."; a pattern with '*' selects every module that has an
  /// alias in common with it), or "subtree:kernel/drivers/net/ethernet/intel".
  std::string what;
  std::string reason;        // for the plan: "bus of vda"
  std::string driver_class;  // "storage", "net", "fs" or "": as in capture_config.h
  bool required = true;      // an error where the kernel has nothing of that name
};

/// A module that goes into the image.
struct ResolvedModule {
  std::string name;                   // with '_', as lib/modules/NAME.ko in the image
  std::string path;                   // on this machine; .ko, .ko.xz, .ko.zst or .ko.gz
  std::uint64_t file_bytes = 0;       // size of that file
  std::vector<std::string> deps;      // the whole closure without itself, in load order
  std::string params;                 // for finit_module, from modules/*.toml
  std::string driver_class;           // what it was asked for as; "" for a bus that serves
                                      // two classes (virtio_pci): loaded with either
  std::string reason;                 // of the first request: "ext4: filesystem of UUID=..", or
                                      // "jbd2: needed by ext4", "crc32c_intel: softdep of ext4"
  std::vector<std::string> firmware;  // names below lib/firmware, from modinfo
  bool may_fail = false;              // fails on hardware without it (crc32c_intel): harmless
};

/// A name that was asked for and is part of the kernel itself.
struct BuiltinModule {
  std::string name;
  std::string reason;
  std::vector<std::string> firmware = {};  // that it may ask for
};

struct Resolution {
  std::vector<ResolvedModule> modules;  // in load order: dependencies first, requests as they came
  std::vector<BuiltinModule> builtin;   // sorted by name
  std::vector<std::string> missing;     // requests with required = false that the kernel lacks
};

class Resolver {
 public:
  /// Both must outlive the resolver.
  Resolver(KernelTree& tree, const ModuleSets& sets);

  /// Modules of this name are left out wherever they come up (--omit-driver). A module that cannot
  /// do without an omitted one is an error of add(); a soft dependency just stays away.
  /// Call before the first add().
  void omit(std::string_view name);

  /// Takes in a driver with all it needs. The names of the modules that the wish stands for and of
  /// those that must be loaded beside them (a SCSI host's sd_mod), without their dependencies, in
  /// load order; empty where it is built in, or is absent and not required. For `drivers=`.
  [[nodiscard]] Result<std::vector<std::string>> add(const DriverRequest& request);

  /// The drivers of a set of modules/*.toml ("virtio", "nfs4", "vlan"). An unknown set is an
  /// error that lists the known ones. Drivers of the set that this kernel lacks are passed over,
  /// except those that the set calls required.
  [[nodiscard]] Result<std::vector<std::string>> add_set(std::string_view set,
                                                         const std::string& reason);

  /// The modules for mounting TYPE (libblkid's name: "ext4", "xfs", "btrfs", "vfat"), for a
  /// `filesystem=` line: the set of that name. For ext2 and ext3 ext4 serves where the kernel has
  /// no driver of their own (CONFIG_EXT4_USE_FOR_EXT2).
  [[nodiscard]] Result<FilesystemEntry> add_filesystem(std::string_view type,
                                                       const std::string& reason);

  /// What has been taken in so far.
  [[nodiscard]] Resolution result() const;

  /// The alias lines for etc/modules.alias: (PATTERN, NAME) of the modules in result() that were
  /// asked for as "storage", "net" or
  /// "watchdog", sorted. Only generic images carry them.
  [[nodiscard]] Result<std::vector<std::pair<std::string, std::string>>> aliases() const;

 private:
  using Names = std::vector<std::string>;
  enum class Strength { kNeeded, kSoft };

  Result<Names> expand(const DriverRequest& request) const;
  Status take(const std::string& name, const std::string& reason, Strength strength);
  Status take_module(const std::string& name, const std::string& reason);
  void classify(const std::string& name, const std::string& driver_class);
  [[nodiscard]] Names in_load_order(const std::set<std::string>& names) const;

  KernelTree* tree_;
  const ModuleSets* sets_;
  std::set<std::string> omitted_;
  std::vector<ResolvedModule> modules_;                   // load order
  std::map<std::string, std::size_t> index_;              // name -> position in modules_
  std::map<std::string, std::set<std::string>> classes_;  // what each was asked for as
  // Modules that must be loaded for one to be of use without being its dependencies: softdep post:
  // and `after` of its whole closure (a SCSI host's sd_mod).
  std::map<std::string, std::set<std::string>> companions_;
  std::set<std::string> open_;                  // on the way down: ends cycles of soft dependencies
  std::map<std::string, std::string> builtin_;  // name -> reason
  std::set<std::string> missing_;
};

}  // namespace mkcapture
