// Inside the dump engine: the seam between its input side (vmcore, VMCOREINFO, address translation,
// page filter) and its output side (formats, compression pipeline). Nothing outside init/dump/
// includes this.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "init/base/result.h"
#include "init/dump/dump.h"

namespace mkcapture::dump {

/// One PT_LOAD, checked: no wrap, sorted by paddr, overlaps cut away.
struct MemoryRange {
  std::uint64_t paddr = 0;
  std::uint64_t size = 0;
  std::uint64_t vaddr = 0;  // as the crashed kernel's header has it; ~0 or 0 where unknown
  std::uint64_t file_offset = 0;
};

enum class Machine { kX86_64, kI386, kArm64, kArm, kPpc64, kS390x, kRiscv64 };

/// A run of page frames.
struct PageRun {
  std::uint64_t first = 0;
  std::uint64_t count = 0;
};

/// What the writers need to know of the crashed machine.
struct CrashedMachine {
  Machine machine = Machine::kX86_64;
  int elf_class = 64;  // of the vmcore: 32 or 64
  int word_bits = 64;  // of the kernel; 32 also where its vmcore is an ELF64
  bool big_endian = false;
  std::uint16_t elf_machine = 0;   // e_machine
  std::uint32_t page_size = 4096;  // PAGESIZE of VMCOREINFO; power of two, 4K..64K
  std::vector<MemoryRange> ranges;
  std::vector<std::byte> notes;  // the PT_NOTE segment as it is, at most kMaxNotesBytes
  std::string vmcoreinfo;        // its text, at most kMaxVmcoreinfoBytes
  std::uint64_t phys_base = 0;
  std::uint64_t max_pfn = 0;           // one behind the last page frame of any range
  std::uint64_t pages_missing = 0;     // of PT_LOADs, in no range: the file ends before them
  std::uint64_t loads_impossible = 0;  // PT_LOADs that were passed over
  // utsname of init_uts_ns where it could be read; else release from VMCOREINFO, the rest empty.
  std::string sysname, nodename, release, version, machine_name, domainname;
};

/// Of VmcoreSource::first_pages(): 64 MiB in pages of 4 KiB.
inline constexpr std::size_t kMostFirstPages = 16 << 10;

inline constexpr std::size_t kMaxNotesBytes = 4 << 20;
inline constexpr std::size_t kMaxVmcoreinfoBytes = 64 << 10;

/// A movable view of the crashed machine's physical memory. One per thread. Mapped in large windows
/// with mmap, by read() into a buffer of at most `buffer_bytes` where the file cannot be mapped.
class MemoryWindow {
 public:
  virtual ~MemoryWindow() = default;
  /// The bytes at [paddr, paddr + n), 1 <= n <= size: at least one page where the memory is there,
  /// else an empty span (a gap between ranges, or EIO). Valid until the next call.
  virtual std::span<const std::byte> at(std::uint64_t paddr, std::size_t size) = 0;
};

/// Level bits that must be given up, and why; 0 where all is well.
struct FilterDoubt {
  int bits = 0;
  bool of_all = false;  // not even of poisoned and offline pages it is believed what they are
  std::string why;
};

/// Which pages a dump leaves out.
class PageFilter {
 public:
  virtual ~PageFilter() = default;
  /// For the page frames [first_pfn, first_pfn + 8 * bits.size()), first_pfn a multiple of 8: sets
  /// the bit (pfn - first_pfn, least significant bit first) of each page to be kept, clears the
  /// others; frames outside of all ranges are cleared. Cycles are asked for in ascending order.
  /// Zero pages (level bit 1) are not this filter's: the pipeline sees their bytes anyway.
  virtual Status keep(std::uint64_t first_pfn, std::span<std::uint8_t> bits) = 0;
  /// The level that can be honoured, and why it is lower than asked (empty where it is not).
  [[nodiscard]] virtual int level() const noexcept = 0;
  [[nodiscard]] virtual const std::string& note() const noexcept = 0;
  /// Once all cycles of the machine have been asked for: whether what was seen is what the crashed
  /// kernel counted itself.
  [[nodiscard]] virtual FilterDoubt doubt() const { return {}; }
  /// Whether pages with nothing but descriptors of left-out pages are left out.
  [[nodiscard]] virtual bool leaves_out_descriptors() const noexcept { return false; }
};

/// Which page descriptors a dump has.
enum class Descriptors { kAll, kOfKeptPages };

class VmcoreSource;
[[nodiscard]] Result<LevelReport> check_level(VmcoreSource& source, int level);
[[nodiscard]] Result<LevelReport> forecast(VmcoreSource& source, const DumpChoice& choice);
[[nodiscard]] Result<DumpReport> write_dump(VmcoreSource& source, Output& output,
                                            const DumpOptions& options, DumpProgress& progress);

/// A Vmcore in parts, from which the writers make a dump.
class VmcoreSource : public Vmcore {
 public:
  [[nodiscard]] virtual const CrashedMachine& crashed() const noexcept = 0;
  [[nodiscard]] virtual Result<std::unique_ptr<MemoryWindow>> window(std::size_t window_bytes) = 0;
  /// Page frames without which a debugger cannot open a dump, or does not find its tasks: they are
  /// written before all others. The most needed first, none twice, at most kMostFirstPages.
  [[nodiscard]] virtual std::vector<PageRun> first_pages() { return {}; }
  /// For level bits 2..16. At any level, pages that must not be read (hwpoison, offline) are left
  /// out where the page descriptors can be had.
  [[nodiscard]] virtual Result<std::unique_ptr<PageFilter>> filter(int level,
                                                                   Descriptors descriptors) = 0;
  [[nodiscard]] Result<std::unique_ptr<PageFilter>> filter(int level) {
    return filter(level, Descriptors::kAll);
  }

  [[nodiscard]] Result<LevelReport> check_level(int level) final {
    return dump::check_level(*this, level);
  }
  [[nodiscard]] Result<LevelReport> forecast(const DumpChoice& choice) final {
    return dump::forecast(*this, choice);
  }
  [[nodiscard]] Result<DumpReport> write_dump(Output& output, const DumpOptions& options,
                                              DumpProgress& progress) final {
    return dump::write_dump(*this, output, options, progress);
  }
};

}  // namespace mkcapture::dump
