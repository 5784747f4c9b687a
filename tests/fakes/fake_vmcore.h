// A crashed machine in memory: what the dump engine's output side is tested against.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "init/dump/pages.h"

namespace mkcapture::fakes {

using namespace dump;

/// Ranges whose bytes a function makes, so that a machine may be far larger than the test's own
/// memory; pages that cannot be read; a filter that is told what to keep.
class FakeVmcore final : public VmcoreSource {
 public:
  /// Fills the `page` of page frame `pfn`.
  using Content = std::function<void(std::uint64_t pfn, std::span<std::byte> page)>;

  /// A 64-bit little-endian machine with 4 KiB pages. `ranges`: (paddr, size) in bytes.
  FakeVmcore(std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges, Content content);

  CrashedMachine machine;
  Content content;
  std::set<std::uint64_t> unreadable;           // page frames
  std::function<bool(std::uint64_t pfn)> keep;  // empty: all
  std::set<std::uint64_t> poisoned;             // left out at every level
  std::vector<PageRun> first;                   // first_pages()
  int filter_level = 31;                        // what the filter can do
  std::string filter_note;
  bool without_descriptors = false;                  // what the filter says of them
  std::size_t most_bytes_at_once = ~std::size_t{0};  // of MemoryWindow::at

  /// The page as a dump must show it: zeros outside of the ranges.
  [[nodiscard]] std::vector<std::byte> page(std::uint64_t pfn) const;
  /// Whether a range has part of it.
  [[nodiscard]] bool present(std::uint64_t pfn) const;

  [[nodiscard]] std::uint64_t size() const noexcept override;
  [[nodiscard]] std::uint64_t memory_bytes() const noexcept override;
  [[nodiscard]] std::string os_release() const override { return "6.1.0-fake"; }
  [[nodiscard]] std::string build_id() const override { return "c0ffee"; }
  [[nodiscard]] std::int64_t crash_time() const noexcept override { return 1700000000; }
  [[nodiscard]] Result<std::string> node_name() override { return std::string("fake"); }
  Result<std::uint64_t> write_dmesg(Output& output) override;
  [[nodiscard]] const CrashedMachine& crashed() const noexcept override { return machine; }
  [[nodiscard]] Result<std::unique_ptr<MemoryWindow>> window(std::size_t window_bytes) override;
  [[nodiscard]] std::vector<PageRun> first_pages() override { return first; }
  using VmcoreSource::filter;
  [[nodiscard]] Result<std::unique_ptr<PageFilter>> filter(int level,
                                                           Descriptors descriptors) override;
};

/// Appends an ELF note.
void add_note(std::vector<std::byte>& notes, bool big_endian, const std::string& name,
              std::uint32_t type, const std::string& data);

/// A file in memory that can become full or fail. Writes are kept in a map of 4 KiB blocks, so that
/// holes cost nothing.
class MemoryOutput final : public Output {
 public:
  explicit MemoryOutput(bool can_seek = true) : can_seek_(can_seek) {}

  // A write beyond this many bytes in all is ENOSPC; into what is reserved it always works.
  std::uint64_t full_at = ~std::uint64_t{0};
  std::uint64_t fail_at_call = 0;  // the n-th write_at (from 1) fails with EIO
  int finish_errno = 0;
  int sync_errno = 0;
  // What reserve() is asked for in all fits in here, or is ENOSPC.
  std::uint64_t most_reserved = ~std::uint64_t{0};

  [[nodiscard]] bool seekable() const noexcept override { return can_seek_; }
  Status write_at(std::uint64_t offset, std::span<const std::byte> data) override;
  Status reserve(std::uint64_t offset, std::uint64_t size) override;
  Status sync() override;
  Status finish(std::uint64_t size) override;

  [[nodiscard]] std::vector<std::byte> read(std::uint64_t offset, std::size_t size) const;
  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }
  [[nodiscard]] std::uint64_t calls() const noexcept { return calls_; }
  [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }
  [[nodiscard]] bool finished() const noexcept { return finished_; }
  /// The most bytes that one write left out behind all before it.
  [[nodiscard]] std::uint64_t longest_gap() const noexcept { return longest_gap_; }
  /// Bytes that are taken from the disk: whole blocks.
  [[nodiscard]] std::uint64_t allocated() const noexcept {
    return blocks_.size() * 4096 + (reserved_to_ - reserved_from_);
  }
  [[nodiscard]] bool written(std::uint64_t offset) const;

 private:
  struct Block {
    std::vector<std::byte> data;
    std::uint64_t from = 4096;  // what was written is between these
    std::uint64_t to = 0;
  };
  bool can_seek_;
  bool finished_ = false;
  std::uint64_t calls_ = 0;
  std::uint64_t bytes_ = 0;
  std::uint64_t size_ = 0;
  std::uint64_t longest_gap_ = 0;
  std::uint64_t reserved_from_ = 0;
  std::uint64_t reserved_to_ = 0;
  std::map<std::uint64_t, Block> blocks_;
};

class NoProgress final : public DumpProgress {
 public:
  void update(std::uint64_t, std::uint64_t, std::uint64_t) override {}
};

}  // namespace mkcapture::fakes
