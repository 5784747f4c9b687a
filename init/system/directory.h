// Directory: a folder that is held open, as System::open_directory() gives it. All that targets do
// on a mounted file system goes through one, so that the tests can play every errno.
//
// Errors are the system call's own, without a path: the caller knows what it was about.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "init/base/result.h"
#include "init/output/output.h"

namespace mkcapture::init {

class Directory {
 public:
  virtual ~Directory() = default;

  enum class Links { kFollow, kRefuse };
  /// The folder `path` below this one (relative). Links in it are followed as if this folder were
  /// "/", or refused where they are the last part.
  [[nodiscard]] virtual Result<std::unique_ptr<Directory>> open(const std::string& path,
                                                                Links links) = 0;
  /// mkdir. EEXIST is an error.
  virtual Status make(const std::string& name, unsigned mode) = 0;
  /// Creates or truncates a file, mode 0600, never through a link; unwritten ranges stay holes.
  [[nodiscard]] virtual Result<std::unique_ptr<Output>> create(const std::string& name) = 0;
  /// Within this folder, atomically, replacing `to`.
  virtual Status rename(const std::string& from, const std::string& to) = 0;
  /// The names in it are on stable storage, where the file system can sync a folder.
  virtual Status sync() = 0;
  /// All of the file system that holds it.
  virtual Status sync_filesystem() = 0;
  /// The names in it, without order; at most `limit`, more are passed over.
  [[nodiscard]] virtual Result<std::vector<std::string>> list(std::size_t limit) = 0;
  virtual Status remove_file(const std::string& name) = 0;
  virtual Status remove_directory(const std::string& name) = 0;  // an empty one
  /// Of the file system that holds it; nothing where it cannot be told.
  [[nodiscard]] virtual std::optional<Space> space() = 0;
};

}  // namespace mkcapture::init
