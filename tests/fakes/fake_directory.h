// A folder of a FakeSystem: what is below it are the system's `files`, `links` and `dirs`.
#pragma once

#include <string>

#include "init/system/directory.h"

namespace mkcapture::init {

class FakeSystem;

/// Calls are recorded as "opendir PATH", "mkdir PATH", "create PATH", "rename FROM TO", "syncdir
/// PATH", "syncfs PATH", "listdir PATH", "unlink PATH", "rmdir PATH"; a file's Output as "write
/// PATH" (once for each file) and "finish PATH". Each fails with the errno that `errors` has for
/// it.
class FakeDirectory final : public Directory {
 public:
  /// `root` is what absolute links lead into, `path` this folder ("" for "/").
  FakeDirectory(FakeSystem& system, std::string root, std::string path)
      : system_(system), root_(std::move(root)), path_(std::move(path)) {}

  Result<std::unique_ptr<Directory>> open(const std::string& path, Links links) override;
  Status make(const std::string& name, unsigned mode) override;
  Result<std::unique_ptr<Output>> create(const std::string& name) override;
  Status rename(const std::string& from, const std::string& to) override;
  Status sync() override;
  Status sync_filesystem() override;
  Result<std::vector<std::string>> list(std::size_t limit) override;
  Status remove_file(const std::string& name) override;
  Status remove_directory(const std::string& name) override;
  std::optional<Space> space() override;

 private:
  [[nodiscard]] std::string at(const std::string& name) const { return path_ + "/" + name; }

  FakeSystem& system_;
  std::string root_;
  std::string path_;
};

/// A file of the system, or a device: what is written is in system.files[path].
[[nodiscard]] std::unique_ptr<Output> fake_output(FakeSystem& system, const std::string& path);

}  // namespace mkcapture::init
