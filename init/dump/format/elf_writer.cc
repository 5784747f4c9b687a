#include "init/dump/format/elf_writer.h"

#include <elf.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <optional>

#include "init/dump/core/crashed_bytes.h"
#include "init/dump/format/page_bytes.h"
#include "init/dump/format/progress_meter.h"

namespace mkcapture::dump {
namespace {

constexpr std::size_t kWindowBytes = 1 << 20;
constexpr std::uint64_t kShortestGapPages = 16;
constexpr std::uint32_t kIncomplete = 1;  // DUMP_ELF_INCOMPLETE

/// One PT_LOAD of the dump.
struct Segment {
  std::uint64_t paddr = 0;
  std::uint64_t vaddr = 0;
  std::uint64_t size = 0;
  std::uint64_t file_offset = 0;
};

/// Calls `visit(range, paddr, size)` for each piece of a range that is kept in [first_pfn, ...).
template <class Visit>
Status for_each_piece(const CrashedMachine& machine, std::uint64_t first_pfn,
                      std::span<const std::uint8_t> bits, Visit visit) {
  const std::uint64_t page = machine.page_size;
  auto range = std::lower_bound(
      machine.ranges.begin(), machine.ranges.end(), first_pfn * page,
      [](const MemoryRange& r, std::uint64_t paddr) { return r.paddr + r.size <= paddr; });
  std::uint64_t from = 0;
  for (;;) {
    const PageRun run = next_run(bits, from);
    if (run.count == 0) return {};
    from = run.first + run.count;
    const std::uint64_t begin = (first_pfn + run.first) * page;
    const std::uint64_t end = begin + run.count * page;
    while (range != machine.ranges.end() && range->paddr + range->size <= begin)
      ++range;
    for (auto r = range; r != machine.ranges.end() && r->paddr < end; ++r) {
      const std::uint64_t piece = std::max(begin, r->paddr);
      TRY(visit(*r, piece, std::min(end, r->paddr + r->size) - piece));
    }
  }
}

/// Counts the gaps between kept pieces by their length, then makes segments of what is between
/// those that are long enough.
class SegmentPlan {
 public:
  explicit SegmentPlan(const CrashedMachine& machine) : machine_(machine) {}

  Status make(KeptPages& pages) {
    const auto begin = [&] {
      gaps_.fill(0);
      starts_ = 0;
      last_range_ = nullptr;
    };
    TRY(pages.first_pass(begin, [&](std::uint64_t first_pfn, std::span<std::uint8_t> bits) {
      return for_each_piece(machine_, first_pfn, bits,
                            [&](const MemoryRange& r, std::uint64_t paddr, std::uint64_t size) {
                              return count(r, paddr, size);
                            });
    }));
    if (starts_ > kMaxElfSegments)
      return fail(ErrorKind::kUnavailable, "too many memory ranges for an ELF core");
    std::uint64_t segments = starts_;
    for (std::size_t i = gaps_.size(); i-- > 0;) {
      if (segments + gaps_[i] > kMaxElfSegments) break;
      segments += gaps_[i];
      shortest_gap_ = std::max(kShortestGapPages, std::uint64_t{1} << i) * machine_.page_size;
      if (std::uint64_t{1} << i <= kShortestGapPages) break;
    }
    last_range_ = nullptr;
    segments_.reserve(segments);
    return pages.for_each_cycle([&](std::uint64_t first_pfn, std::span<std::uint8_t> bits) {
      return for_each_piece(machine_, first_pfn, bits,
                            [&](const MemoryRange& r, std::uint64_t paddr, std::uint64_t size) {
                              return extend(r, paddr, size);
                            });
    });
  }

  std::vector<Segment>& segments() { return segments_; }

 private:
  Status count(const MemoryRange& range, std::uint64_t paddr, std::uint64_t size) {
    if (&range != last_range_) {
      ++starts_;
    } else if (paddr > last_end_) {
      const std::uint64_t gap = (paddr - last_end_) / machine_.page_size;
      if (gap > 0) ++gaps_[static_cast<std::size_t>(std::bit_width(gap) - 1)];
    }
    last_range_ = &range;
    last_end_ = paddr + size;
    return {};
  }

  Status extend(const MemoryRange& range, std::uint64_t paddr, std::uint64_t size) {
    if (&range == last_range_ && paddr - last_end_ < shortest_gap_) {
      segments_.back().size = paddr + size - segments_.back().paddr;
    } else {
      const bool has_vaddr = range.vaddr != 0 && range.vaddr != ~std::uint64_t{0};
      const std::uint64_t vaddr = has_vaddr ? range.vaddr + (paddr - range.paddr) : range.vaddr;
      segments_.push_back({.paddr = paddr, .vaddr = vaddr, .size = size});
    }
    last_range_ = &range;
    last_end_ = paddr + size;
    return {};
  }

  const CrashedMachine& machine_;
  std::array<std::uint64_t, 64> gaps_{};  // [i]: of 2^i pages and more, less than 2^(i+1)
  std::uint64_t starts_ = 0;              // first pieces of their ranges
  std::uint64_t shortest_gap_ = ~std::uint64_t{0};
  const MemoryRange* last_range_ = nullptr;
  std::uint64_t last_end_ = 0;
  std::vector<Segment> segments_;
};

void put_program_header(CrashedBytes& b, std::uint32_t type, std::uint64_t offset,
                        const Segment& s) {
  const bool wide = b.word_size() == 8;
  const std::uint32_t flags = type == PT_LOAD ? PF_R | PF_W | PF_X : 0;
  b.u32(type);
  if (wide) b.u32(flags);
  b.word(offset);
  b.word(s.vaddr);
  b.word(s.paddr);
  b.word(s.size);  // p_filesz
  b.word(s.size);  // p_memsz
  if (!wide) b.u32(flags);
  b.word(0);  // p_align
}

/// Places the segments, behind the headers and the notes, and makes the headers.
Result<std::vector<std::byte>> make_headers(const CrashedMachine& machine,
                                            std::vector<Segment>& segments, std::uint32_t e_flags) {
  const bool wide = machine.elf_class == 64;
  const std::uint64_t header = wide ? sizeof(Elf64_Ehdr) : sizeof(Elf32_Ehdr);
  const std::uint64_t entry = wide ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
  const std::uint64_t notes_at = header + entry * (segments.size() + 1);
  const std::uint64_t page = machine.page_size;
  std::uint64_t at = notes_at + machine.notes.size();
  for (Segment& s : segments) {
    at = (at + page - 1) / page * page + s.paddr % page;
    s.file_offset = at;
    at += s.size;
  }
  if (!wide && at > UINT32_MAX)
    return fail(ErrorKind::kUnavailable, "an ELF32 core cannot hold 4 GiB");

  CrashedBytes b(machine.elf_class, machine.big_endian);
  for (const int c : {0x7f, int{'E'}, int{'L'}, int{'F'}})
    b.u8(static_cast<std::uint8_t>(c));
  b.u8(wide ? ELFCLASS64 : ELFCLASS32);
  b.u8(machine.big_endian ? ELFDATA2MSB : ELFDATA2LSB);
  b.u8(EV_CURRENT);
  b.zeros_up_to(EI_NIDENT);
  b.u16(ET_CORE);
  b.u16(machine.elf_machine);
  b.u32(EV_CURRENT);
  b.word(0);       // e_entry
  b.word(header);  // e_phoff
  b.word(0);       // e_shoff
  b.u32(e_flags);
  b.u16(static_cast<std::uint16_t>(header));
  b.u16(static_cast<std::uint16_t>(entry));
  b.u16(static_cast<std::uint16_t>(segments.size() + 1));
  b.u16(0);  // e_shentsize
  b.u16(0);  // e_shnum
  b.u16(0);  // e_shstrndx
  put_program_header(b, PT_NOTE, notes_at, {.size = machine.notes.size()});
  for (const Segment& s : segments)
    put_program_header(b, PT_LOAD, s.file_offset, s);
  return b.data();
}

/// Copies what is in the segments to its place.
class ElfBody {
 public:
  ElfBody(const CrashedMachine& machine, const std::vector<Segment>& segments, MemoryWindow& window,
          Output& output, bool leave_out_zeros, ProgressMeter meter, DumpReport& report)
      : machine_(machine),
        segments_(segments),
        window_(window),
        output_(output),
        leave_out_zeros_(leave_out_zeros),
        meter_(meter),
        report_(report) {}

  Status copy(KeptPages& pages) {
    return pages.for_each_cycle([&](std::uint64_t first_pfn, std::span<std::uint8_t> bits) {
      return for_each_piece(machine_, first_pfn, bits,
                            [&](const MemoryRange&, std::uint64_t paddr, std::uint64_t size) {
                              return copy_what_is_in_segments(paddr, size);
                            });
    });
  }

 private:
  Status copy_what_is_in_segments(std::uint64_t paddr, std::uint64_t size) {
    const std::uint64_t end = paddr + size;
    auto s = std::partition_point(segments_.begin(), segments_.end(), [&](const Segment& before) {
      return before.paddr + before.size <= paddr;
    });
    for (; s != segments_.end() && s->paddr < end; ++s) {
      const std::uint64_t from = std::max(paddr, s->paddr);
      TRY(copy_piece(*s, from, std::min(end, s->paddr + s->size) - from));
    }
    return {};
  }

  Status copy_piece(const Segment& s, std::uint64_t paddr, std::uint64_t size) {
    const std::uint64_t page = machine_.page_size;
    while (size > 0) {
      const auto wish = static_cast<std::size_t>(std::min<std::uint64_t>(size, kWindowBytes));
      const auto bytes = window_.at(paddr, wish);
      std::uint64_t done = bytes.size();
      if (bytes.empty()) {  // the memory cannot be read: a hole
        done = std::min(size, page - paddr % page);
        ++report_.pages_unreadable;
      } else if (leave_out_zeros_) {
        TRY(write_nonzero(s.file_offset + (paddr - s.paddr), paddr % page, bytes));
      } else {
        TRY(write(s.file_offset + (paddr - s.paddr), bytes));
        report_.pages_saved += (bytes.size() + page - 1) / page;
      }
      pages_done_ += (done + page - 1) / page;
      paddr += done;
      size -= done;
      meter_.update(pages_done_, report_.bytes_written);
    }
    return {};
  }

  /// Writes each run of pages that are not zero. `in_page`: where in its page `bytes` begins.
  Status write_nonzero(std::uint64_t offset, std::uint64_t in_page,
                       std::span<const std::byte> bytes) {
    const std::size_t page = machine_.page_size;
    std::size_t run = 0;  // length of the run before `at`
    std::size_t at = 0;
    while (at < bytes.size()) {
      const std::size_t n = std::min<std::size_t>(bytes.size() - at, page - (in_page + at) % page);
      if (is_zero(bytes.subspan(at, n))) {
        if (run > 0) TRY(write(offset + at - run, bytes.subspan(at - run, run)));
        run = 0;
      } else {
        run += n;
        ++report_.pages_saved;
      }
      at += n;
    }
    return run > 0 ? write(offset + at - run, bytes.subspan(at - run, run)) : Status();
  }

  Status write(std::uint64_t offset, std::span<const std::byte> bytes) {
    TRY(output_.write_at(offset, bytes));
    report_.bytes_written += bytes.size();
    return {};
  }

  const CrashedMachine& machine_;
  const std::vector<Segment>& segments_;
  MemoryWindow& window_;
  Output& output_;
  bool leave_out_zeros_;
  ProgressMeter meter_;
  DumpReport& report_;
  std::uint64_t pages_done_ = 0;
};

Status write_flags(const CrashedMachine& machine, Output& output, std::uint32_t e_flags) {
  CrashedBytes flags(machine.elf_class, machine.big_endian);
  flags.u32(e_flags);
  return output.write_at(
      machine.elf_class == 64 ? offsetof(Elf64_Ehdr, e_flags) : offsetof(Elf32_Ehdr, e_flags),
      flags.data());
}

}  // namespace

Result<DumpReport> write_elf(VmcoreSource& source, KeptPages& pages, Output& output,
                             const DumpOptions& options, DumpProgress& progress) {
  const CrashedMachine& machine = source.crashed();
  DumpReport report;
  report.pages_total = pages.pages_present();

  SegmentPlan plan(machine);
  if (auto s = plan.make(pages); !s) return std::move(s).error();
  std::vector<Segment>& segments = plan.segments();
  const bool goes_back = output.seekable();
  auto headers = make_headers(machine, segments, goes_back ? kIncomplete : 0);
  if (!headers) return std::move(headers).error();
  report.bytes_written = headers->size() + machine.notes.size();
  report.file_size =
      segments.empty() ? report.bytes_written : segments.back().file_offset + segments.back().size;

  auto window = source.window(kWindowBytes);
  if (!window) return std::move(window).error();
  // With what is between the kept pieces, except for what must not be read.
  std::optional<KeptPages> readable;
  if ((pages.level_reached() & ~1) != 0) {
    auto made = KeptPages::create(source, 0, Descriptors::kAll, progress);
    if (!made) return std::move(made).error();
    readable.emplace(std::move(*made));
  }
  TRY(output.write_at(0, *headers));
  TRY(output.write_at(headers->size(), machine.notes));

  ElfBody body(machine, segments, **window, output, (options.choice.level & 1) != 0,
               ProgressMeter(progress, report.pages_total), report);
  Status end = body.copy(readable ? *readable : pages);
  if (end && goes_back) {  // only what is on the disk is called whole
    end = output.sync();
    if (end) end = write_flags(machine, output, 0);
  }
  if (end) end = output.finish(report.file_size);
  if (!end) {
    if (goes_back) (void)write_flags(machine, output, kIncomplete);
    (void)output.finish(0);  // what is buffered may still find room
  }
  if (!end) report.ended_early(std::move(end).error());
  return report;
}

}  // namespace mkcapture::dump
