// Target: a place that dumps go to, behind one interface. A new kind is one file here that
// implements it, one line in make_target(), and what it needs in the image in modules/.
//
// A target runs in a worker process of its own (supervisor.h): it may hang or die without harm to
// the next one. Every wait is bounded by the Deadline given.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "init/base/result.h"
#include "init/contract/capture_config.h"
#include "init/devices/context.h"
#include "init/output/output.h"
#include "init/system/system.h"

namespace mkcapture::init {

class Target {
 public:
  virtual ~Target() = default;

  /// Loads nothing (drivers are loaded before); waits for the device or for link, address and
  /// server, then mounts or connects. Writes nothing.
  virtual Status open(const Deadline& deadline) = 0;

  /// False for raw: make_directory() and rename() are not called, one file, the dump, is created.
  [[nodiscard]] virtual bool has_directory() const noexcept { return true; }

  /// Creates PATH (as mkdir -p) and the dump directory NAME in it; the calls below are relative to
  /// it. Where NAME exists, "-1", "-2" ... is appended; the name used is returned.
  virtual Result<std::string> make_directory(const std::string& name, const Deadline& deadline) = 0;
  /// Creates or truncates a file of the dump directory.
  virtual Result<std::unique_ptr<Output>> create(const std::string& file,
                                                 const Deadline& deadline) = 0;
  /// Renames within the dump directory, atomically, and syncs the directory.
  virtual Status rename(const std::string& from, const std::string& to,
                        const Deadline& deadline) = 0;
  /// Bytes that can be written; nothing where the target cannot tell.
  virtual std::optional<std::uint64_t> free_bytes(const Deadline& deadline) = 0;
  /// The local address as the dump's HOST when the crashed machine's name is unknown; may be empty.
  [[nodiscard]] virtual std::string local_address() const { return {}; }
  /// Unmounts or disconnects. Once called nothing else is.
  virtual Status close(const Deadline& deadline) = 0;
};

/// The implementation for the kind that `spec` is of. Never null.
[[nodiscard]] std::unique_ptr<Target> make_target(const TargetSpec& spec, CaptureContext context);

}  // namespace mkcapture::init
