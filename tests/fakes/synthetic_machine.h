// A small x86_64 machine whose memory a test writes word by word: page tables, kernel variables,
// page descriptors. What the dump engine's input side is tested against.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "init/dump/core/core_file.h"
#include "init/dump/pages.h"

namespace mkcapture::fakes {

using namespace dump;

/// A file in memory. Reads that touch a byte of `broken` stop in front of it, as EIO does.
class BytesFile final : public CoreFile {
 public:
  explicit BytesFile(std::vector<std::byte> bytes) : bytes_(std::move(bytes)) {}

  std::vector<std::pair<std::uint64_t, std::uint64_t>> broken;  // file offsets: begin, end
  bool mappable = false;                                        // as /proc/vmcore is

  [[nodiscard]] std::uint64_t size() const noexcept override { return bytes_.size(); }
  [[nodiscard]] std::size_t read(std::uint64_t offset,
                                 std::span<std::byte> out) const noexcept override;
  [[nodiscard]] FileMapping map(std::uint64_t offset, std::size_t size) const noexcept override;

 private:
  std::vector<std::byte> bytes_;
};

/// Memory from 0 to kMemory; the kernel's image lies at 1 MiB in it, page tables are made behind
/// it.
class SyntheticMachine {
 public:
  static constexpr std::uint64_t kMemory = 8 << 20;
  static constexpr std::uint64_t kPage = 4096;
  static constexpr std::uint64_t kImagePaddr = 1 << 20;
  static constexpr std::uint64_t kImageVaddr = 0xffffffff81000000;
  static constexpr std::uint64_t kVmemmap = 0xffffea0000000000;
  static constexpr std::uint64_t kDirectMap = 0xffff888000000000;

  explicit SyntheticMachine(std::string_view release = "6.1.0-test", int levels = 4);

  std::vector<std::byte> memory;
  std::string vmcoreinfo;
  std::vector<MemoryRange> loads;  // paddr and size matter; one for all of memory at first
  std::vector<std::byte> other_notes;

  void put32(std::uint64_t paddr, std::uint32_t value);
  void put64(std::uint64_t paddr, std::uint64_t value);
  void put_text(std::uint64_t paddr, std::string_view text);

  /// An address in the kernel's image, and the physical one.
  static std::uint64_t image(std::uint64_t offset) { return kImageVaddr + offset; }
  static std::uint64_t image_paddr(std::uint64_t offset) { return kImagePaddr + offset; }
  /// A page of zeros that nothing else uses.
  std::uint64_t take_page();
  /// A page of 1 << shift bytes (12, 21 or 30) at `vaddr`, which shows `paddr`.
  void map(std::uint64_t vaddr, std::uint64_t paddr, unsigned shift = 12, std::uint64_t flags = 0);
  /// Where the entry for `vaddr` in the table of `shift` is (39 or 48 for the top).
  std::uint64_t entry_paddr(std::uint64_t vaddr, unsigned shift);

  /// "KIND(name)=value" for each of "KIND(name)=value" lines, newlines between.
  void info(std::string_view lines) { vmcoreinfo.append(lines).append("\n"); }
  void symbol(std::string_view name, std::uint64_t address);

  /// Descriptors of all page frames, mapped at kVmemmap with small pages, one sparse section, with
  /// the layout of x86_64's struct page (64 bytes). Returns the array's physical address.
  std::uint64_t add_descriptors();

  [[nodiscard]] std::vector<std::byte> core() const;
  [[nodiscard]] std::unique_ptr<VmcoreSource> open() const;

 private:
  int levels_;
  std::uint64_t next_page_ = 2 << 20;
};

}  // namespace mkcapture::fakes
