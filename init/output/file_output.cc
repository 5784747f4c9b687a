// file_output(): a local file or block device as an Output, with a bounded page cache.
//
// Small and unaligned pieces are gathered in a buffer; large aligned pieces from aligned memory go
// to the file as they are. On file systems with direct I/O the aligned middle of what is written
// bypasses the page cache. Everywhere else (NFS, where each direct write would wait for the
// server's disk; tmpfs; the unaligned ends) the pages are written behind: their write-back is
// started at once, and a megabyte later waited for and dropped.
//
// A part of a page in a hole of a sparse file is written as the whole page, with the zeros that
// belong there: a file system that is given a part (NFS with the file open for reading, or with a
// layout of blocks) reads the page from the server first, and a dump must not depend on an answer.
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "init/output/aligned_buffer.h"
#include "init/output/output.h"
#include "init/output/touched_pages.h"

namespace mkcapture {
namespace {

constexpr std::uint64_t kAlign = 4096;  // every block size in use divides it
constexpr std::size_t kBufferBytes = 1 << 20;
constexpr std::size_t kPendingRanges = 2;

constexpr std::uint64_t align_down(std::uint64_t n) {
  return n & ~(kAlign - 1);
}
constexpr std::uint64_t align_up(std::uint64_t n) {
  return align_down(n + kAlign - 1);
}

/// Pages whose write-back has been started, oldest first; see file_output.cc's head.
class WriteBehind {
 public:
  Status wrote(int fd, std::uint64_t offset, std::uint64_t size) {
    if (pending_[newest_].end() == offset && pending_[newest_].size + size <= kBufferBytes) {
      pending_[newest_].size += size;
      return {};
    }
    TRY(start(fd, pending_[newest_]));
    newest_ = (newest_ + 1) % pending_.size();
    TRY(drop(fd, pending_[newest_]));
    pending_[newest_] = {offset, size};
    return {};
  }

 private:
  struct Range {
    std::uint64_t offset = 0;
    std::uint64_t size = 0;
    [[nodiscard]] std::uint64_t end() const { return offset + size; }
  };

  static Status start(int fd, const Range& r) {
    if (r.size == 0) return {};
    if (sync_file_range(fd, static_cast<off_t>(r.offset), static_cast<off_t>(r.size),
                        SYNC_FILE_RANGE_WRITE) != 0 &&
        !is_refusal(errno)) {
      return sys_error("write", errno);
    }
    return {};
  }

  /// The call is not for this file; nothing was lost.
  static bool is_refusal(int code) { return code == EINVAL || code == ESPIPE || code == ENOSYS; }

  static Status drop(int fd, const Range& r) {
    if (r.size == 0) return {};
    const auto offset = static_cast<off_t>(r.offset);
    const auto size = static_cast<off_t>(r.size);
    constexpr unsigned kAll =
        SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;
    // An error of the write-back is told once, and here (EIO, ENOSPC, EDQUOT, ESTALE, EFBIG ...): a
    // later fsync() knows nothing of it.
    if (sync_file_range(fd, offset, size, kAll) != 0 && !is_refusal(errno)) {
      return sys_error("write", errno);
    }
    posix_fadvise(fd, offset, size, POSIX_FADV_DONTNEED);
    return {};
  }

  std::array<Range, kPendingRanges + 1> pending_{};
  std::size_t newest_ = 0;
};

class FileOutput final : public Output {
 public:
  FileOutput(int fd, bool sparse, bool direct, AlignedBuffer buffer) noexcept
      : fd_(fd), sparse_(sparse), direct_(direct), buffer_(std::move(buffer)) {}
  ~FileOutput() override { close(fd_); }
  FileOutput(const FileOutput&) = delete;
  FileOutput& operator=(const FileOutput&) = delete;

  [[nodiscard]] bool seekable() const noexcept override { return true; }

  Status write_at(std::uint64_t offset, std::span<const std::byte> data) override {
    if (data.empty()) return {};
    if (!sparse_ && offset > end_) TRY(write_zeros(end_, offset));
    end_ = std::max(end_, offset + data.size());
    return append(offset, data);
  }

  Status reserve(std::uint64_t offset, std::uint64_t size) override {
    if (!sparse_ || size == 0) return {};
    const int rc =
        fallocate(fd_, FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset), static_cast<off_t>(size));
    if (rc != 0 && errno == ENOSPC) return sys_error("reserve", errno);
    return {};  // a file system without it can still be written
  }

  Status sync() override {
    TRY(flush());
    if (fsync(fd_) != 0) return sys_error("sync", errno);
    return {};
  }

  Status finish(std::uint64_t size) override {
    if (!sparse_ && size > end_) TRY(write_zeros(end_, size));
    const std::uint64_t length = std::max(size, end_);
    TRY(flush(length));
    if (sparse_ && length != written_end_ && ftruncate(fd_, static_cast<off_t>(length)) != 0) {
      return sys_error("set the length", errno);
    }
    if (fsync(fd_) != 0) return sys_error("sync", errno);
    return {};
  }

 private:
  // The buffer stands for the file from `start_`, a multiple of kAlign, on; the bytes that are in
  // it are [first_, used_).
  Status append(std::uint64_t offset, std::span<const std::byte> data) {
    if (used_ == first_ || offset != start_ + used_) {
      TRY(flush());
      start_ = align_down(offset);
      first_ = used_ = static_cast<std::size_t>(offset - start_);
    }
    while (!data.empty()) {
      if (used_ == first_ && passes_through(data)) {
        const std::size_t whole = data.size() & ~(kAlign - 1);
        touched_.touch(start_ + used_, whole);
        const auto written = write_out(start_ + used_, data.first(whole));
        if (!written && written.error().code == EFAULT) {
          pass_through_ = false;
          continue;
        }
        TRY(written);
        data = data.subspan(whole);
        start_ += used_ + whole;
        first_ = used_ = 0;
        continue;
      }
      const std::size_t n = std::min(data.size(), buffer_.size() - used_);
      std::memcpy(buffer_.data() + used_, data.data(), n);
      used_ += n;
      data = data.subspan(n);
      if (used_ == buffer_.size()) TRY(flush());
    }
    return {};
  }

  [[nodiscard]] bool passes_through(std::span<const std::byte> data) const {
    return pass_through_ && (start_ + used_) % kAlign == 0 && data.size() >= kPassThrough &&
           reinterpret_cast<std::uintptr_t>(data.data()) % kAlign == 0;
  }

  /// Nothing is written at or behind `limit` that is not in the buffer.
  Status flush(std::uint64_t limit = kNoLimit) {
    if (used_ == first_) return {};
    std::size_t from = first_;
    std::size_t to = used_;
    if (sparse_) to = pad(from, to, limit);
    const std::uint64_t at = start_ + from;
    const auto data = buffer_.span().subspan(from, to - from);
    touched_.touch(at, data.size());
    start_ += used_;
    first_ = used_ = static_cast<std::size_t>(start_ % kAlign);
    start_ = align_down(start_);
    return write_out(at, data);
  }

  /// Makes whole pages of the ends of [from, to) in the buffer, where they lie in holes. Returns
  /// the new end; the new beginning is in `from`.
  std::size_t pad(std::size_t& from, std::size_t to, std::uint64_t limit) {
    // Both are asked for before either is done: they may be one page.
    const bool head = from % kAlign != 0 && touched_.in_a_hole(start_ + from);
    const bool tail = to % kAlign != 0 && touched_.in_a_hole(start_ + to - 1);
    if (head) {
      std::memset(buffer_.data(), 0, from);  // it begins in the buffer's first page
      from = 0;
    }
    if (!tail) return to;
    const auto end = static_cast<std::size_t>(std::min(align_up(start_ + to), limit) - start_);
    std::memset(buffer_.data() + to, 0, end - to);
    return end;
  }

  /// `data` is as aligned in memory as `offset` is in the file.
  Status write_out(std::uint64_t offset, std::span<const std::byte> data) {
    const std::uint64_t end = offset + data.size();
    const std::uint64_t middle = std::min(align_up(offset), end);
    const std::uint64_t tail = std::max(align_down(end), middle);
    TRY(write_piece(offset, data.first(middle - offset), false));
    TRY(write_piece(middle, data.subspan(middle - offset, tail - middle), direct_));
    return write_piece(tail, data.subspan(tail - offset), false);
  }

  Status write_piece(std::uint64_t offset, std::span<const std::byte> data, bool direct) {
    if (data.empty()) return {};
    TRY(set_direct(direct));
    const std::uint64_t from = offset;
    while (!data.empty()) {
      const ssize_t n = pwrite(fd_, data.data(), data.size(), static_cast<off_t>(offset));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0 && errno == EINVAL && direct_is_set_) {  // the file system has it in name only
        direct_ = false;
        return write_piece(offset, data, false);
      }
      if (n < 0) return sys_error("write", errno);
      if (n == 0) return sys_error("write", ENOSPC);
      offset += static_cast<std::uint64_t>(n);
      written_end_ = std::max(written_end_, offset);
      data = data.subspan(static_cast<std::size_t>(n));
      // A short direct write leaves an unaligned rest: the disk is nearly full.
      if (!data.empty() && direct_is_set_ && offset % kAlign != 0) TRY(set_direct(false));
    }
    return direct_is_set_ ? Status() : behind_.wrote(fd_, from, offset - from);
  }

  Status set_direct(bool on) {
    if (on == direct_is_set_) return {};
    const int flags = fcntl(fd_, F_GETFL);
    if (fcntl(fd_, F_SETFL, on ? flags | O_DIRECT : flags & ~O_DIRECT) != 0) {
      if (!on) return sys_error("fcntl", errno);
      direct_ = false;
      return {};
    }
    direct_is_set_ = on;
    return {};
  }

  /// A block device has no holes: [from, to) by the device's own command where it has one.
  Status write_zeros(std::uint64_t from, std::uint64_t to) {
    const std::uint64_t middle = align_up(from);
    const std::uint64_t tail = align_down(to);
    if (tail > middle && tail - middle >= kBufferBytes) {
      TRY(append_zeros(from, middle));
      TRY(flush());
      if (fallocate(fd_, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(middle),
                    static_cast<off_t>(tail - middle)) == 0) {
        return append_zeros(tail, to);
      }
      from = middle;
    }
    return append_zeros(from, to);
  }

  Status append_zeros(std::uint64_t from, std::uint64_t to) {
    static constexpr std::array<std::byte, 4096> kZeros{};
    while (from < to) {
      const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(to - from, kZeros.size()));
      TRY(append(from, std::span(kZeros).first(n)));
      from += n;
    }
    return {};
  }

  static constexpr std::size_t kPassThrough = 64 << 10;
  static constexpr std::uint64_t kNoLimit = ~std::uint64_t{0};

  int fd_;
  bool sparse_;
  bool direct_;
  bool direct_is_set_ = false;
  // Until a direct write from the caller's memory is refused with EFAULT: a mapping of /proc/vmcore
  // has no pages of this kernel's (VM_PFNMAP) that a device could be pointed at.
  bool pass_through_ = true;
  AlignedBuffer buffer_;
  std::uint64_t start_ = 0;
  std::size_t first_ = 0;
  std::size_t used_ = 0;
  std::uint64_t end_ = 0;          // one behind the last byte written or buffered, without padding
  std::uint64_t written_end_ = 0;  // the file's length, padding included
  TouchedPages touched_;
  WriteBehind behind_;
};

bool wants_direct(int fd) {
  struct stat st{};
  if (fstat(fd, &st) != 0) return false;
  if (S_ISBLK(st.st_mode)) return true;  // its node's file system says nothing about it
  struct statfs fs{};
  if (fstatfs(fd, &fs) != 0) return false;
  const auto type = static_cast<unsigned long>(fs.f_type);
  return type != NFS_SUPER_MAGIC && type != TMPFS_MAGIC && type != RAMFS_MAGIC;
}

}  // namespace

Result<std::unique_ptr<Output>> file_output(int fd, bool sparse) {
  AlignedBuffer buffer(kBufferBytes);
  if (!buffer) {
    close(fd);
    return sys_error("write buffer", ENOMEM);
  }
  return std::unique_ptr<Output>(
      std::make_unique<FileOutput>(fd, sparse, wants_direct(fd), std::move(buffer)));
}

}  // namespace mkcapture
