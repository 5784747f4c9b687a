// Output: one file (or device, or stream) that a dump or a log is written to.
//
// The writers of this folder know nothing of disks and servers; the targets (init/targets/) hand
// them an Output. Memory: an implementation buffers at most kOutputBufferBytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "init/base/result.h"

namespace mkcapture {

inline constexpr std::size_t kOutputBufferBytes = 2 << 20;

class Output {
 public:
  virtual ~Output() = default;

  /// False for a pipe: then each write_at() begins where the last one ended.
  [[nodiscard]] virtual bool seekable() const noexcept = 0;

  /// Writes all of `data` at `offset`, or says why not (ENOSPC: disk full). Seekable outputs may be
  /// written in any order and leave holes that read as zeros. May buffer: an error can come late,
  /// at the next call or at finish(). Never waits longer than the output's own limit.
  virtual Status write_at(std::uint64_t offset, std::span<const std::byte> data) = 0;

  /// Makes sure, where the target can, that [offset, offset + size) can be written later even when
  /// it has become full; until then it reads as zeros. For seekable outputs; ENOSPC is an error.
  virtual Status reserve(std::uint64_t offset, std::uint64_t size) {
    (void)offset;
    (void)size;
    return {};
  }

  /// What was written so far is on stable storage, as far as finish() can promise it; more may be
  /// written after it. For seekable outputs.
  virtual Status sync() { return {}; }

  /// Flushes, extends the file to `size` bytes where it ends in a hole, and returns once the bytes
  /// are on stable storage as far as the target can promise it (fsync, fsync@openssh.com). Nothing
  /// may be written after it. Not calling it leaves whatever was written so far.
  virtual Status finish(std::uint64_t size) = 0;

  /// After finish(): what the target could not promise of its bytes ("the server cannot sync"), for
  /// the verdict; empty where it could promise all.
  [[nodiscard]] virtual std::string note() const { return {}; }
};

/// Of the file system that an output is on, in bytes, as an unprivileged writer sees it.
struct Space {
  std::uint64_t free = 0;
  std::uint64_t total = 0;
};

/// A local file or block device by descriptor (taken over). Keeps the page cache bounded: direct
/// I/O where the file system has it, else write-behind and drop (sync_file_range, fadvise).
/// `sparse`: the file is empty, and unwritten ranges stay holes; false for block devices, where
/// they are written as zeros. Never reads, so that a descriptor that is open for writing alone will
/// do (and on NFS is what keeps the client from reading pages that it is given a part of).
[[nodiscard]] Result<std::unique_ptr<Output>> file_output(int fd, bool sparse);

/// A pipe or socket by descriptor (taken over); gaps between writes are sent as zeros. With
/// `write_timeout_ms` a write that makes no progress for so long fails with ETIMEDOUT.
[[nodiscard]] std::unique_ptr<Output> stream_output(int fd, int write_timeout_ms);

}  // namespace mkcapture
