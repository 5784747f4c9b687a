// Dumps on a file system that this process has mounted (disk, NFS).
#pragma once

#include <memory>
#include <string>

#include "init/system/directory.h"
#include "init/targets/dump_store.h"

namespace mkcapture::init {

class MountedStore : public DumpStore {
 public:
  /// `path` counts from the root of what is mounted; symbolic links in it are followed as if the
  /// mount point were "/".
  MountedStore(System& system, std::string mount_point, std::string path)
      : system_(system), mount_point_(std::move(mount_point)), path_(std::move(path)) {}

  /// For file systems whose names hold no ':': '-' stands for it.
  void use_no_colons() noexcept { colons_ = false; }

  Result<std::string> begin(const std::string& name, const Deadline& deadline) override;
  Result<std::unique_ptr<Output>> create(const std::string& file,
                                         const Deadline& deadline) override;
  Status commit(const std::string& from, const std::string& to, const Deadline& deadline) override;
  Result<std::vector<StoredDump>> list(const std::string& prefix,
                                       const Deadline& deadline) override;
  Status remove(const StoredDump& dump, const Deadline& deadline) override;
  std::optional<Space> free(const Deadline& deadline) override;

 private:
  Status make_parent();
  Status remove_all(const StoredDump& dump);

  System& system_;
  std::string mount_point_;
  std::string path_;
  bool colons_ = true;
  std::unique_ptr<Directory> parent_;     // PATH, from begin() on
  std::unique_ptr<Directory> directory_;  // the dump's
  std::string name_;
};

}  // namespace mkcapture::init
