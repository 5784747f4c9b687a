#include "init/dump/format/kdump_format.h"

#include <elf.h>

#include <algorithm>
#include <cstring>
#include <string_view>

#include "init/dump/core/crashed_bytes.h"

namespace mkcapture::dump {
namespace {

constexpr std::size_t kUtsFieldBytes = 65;  // struct new_utsname

/// The alignment of a 64-bit field in the crashed machine's structures.
std::size_t wide_alignment(const CrashedMachine& machine) {
  return machine.machine == Machine::kI386 ? 4 : 8;
}

std::uint64_t round_up(std::uint64_t n, std::uint64_t to) {
  return (n + to - 1) / to * to;
}

std::size_t sub_header_bytes(const CrashedMachine& machine) {
  if (machine.word_bits == 64) return 14 * 8 - 8;
  return wide_alignment(machine) == 4 ? 5 * 4 + 3 * 12 + 3 * 8 : 6 * 4 + 3 * 16 + 3 * 8;
}

/// What the headers say of the notes.
struct NotesSummary {
  std::uint64_t cpus = 0;               // NT_PRSTATUS notes
  std::uint64_t vmcoreinfo_offset = 0;  // of its text, from the first note's first byte
  std::uint64_t vmcoreinfo_size = 0;
};

std::uint32_t load_u32(const CrashedMachine& machine, std::size_t at) {
  std::uint32_t v = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    const auto byte = static_cast<std::uint32_t>(machine.notes[at + i]);
    v |= byte << (8 * (machine.big_endian ? 3 - i : i));
  }
  return v;
}

NotesSummary summarise_notes(const CrashedMachine& machine) {
  NotesSummary summary;
  const std::uint64_t size = machine.notes.size();
  std::uint64_t at = 0;
  while (size - at >= sizeof(Elf64_Nhdr)) {
    const std::uint64_t name_size = load_u32(machine, at);
    const std::uint64_t data_size = load_u32(machine, at + 4);
    const std::uint32_t type = load_u32(machine, at + 8);
    const std::uint64_t name_at = at + sizeof(Elf64_Nhdr);
    const std::uint64_t data_at = name_at + round_up(name_size, 4);
    const std::uint64_t end = data_at + round_up(data_size, 4);
    if (data_at + data_size > size) break;  // truncated
    const char* const name_text = reinterpret_cast<const char*>(machine.notes.data() + name_at);
    const std::string_view name(name_text, strnlen(name_text, name_size));
    if (name == "VMCOREINFO" && summary.vmcoreinfo_size == 0) {
      summary.vmcoreinfo_offset = data_at;
      summary.vmcoreinfo_size = data_size;
    } else if (name == "CORE" && type == NT_PRSTATUS) {
      ++summary.cpus;
    }
    if (end >= size) break;
    at = end;
  }
  return summary;
}

std::uint64_t first_pfn_of(const CrashedMachine& machine) {
  if (machine.machine != Machine::kArm) return 0;
  const std::uint64_t first = machine.phys_base / machine.page_size;
  const bool begins_there = machine.phys_base % (std::uint64_t{machine.page_size} * 8) == 0 &&
                            !machine.ranges.empty() &&
                            machine.ranges.front().paddr >= machine.phys_base;
  return begins_there ? first : 0;
}

std::uint32_t clamp_u32(std::uint64_t v) {
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(v, UINT32_MAX));
}

}  // namespace

Result<KdumpLayout> kdump_layout(const CrashedMachine& machine) {
  KdumpLayout layout;
  layout.block = machine.page_size;
  layout.first_pfn = first_pfn_of(machine);
  layout.notes_at = layout.block + sub_header_bytes(machine);
  layout.present_at = round_up(layout.notes_at + machine.notes.size(), layout.block);
  const std::uint64_t bitmap = round_up((machine.max_pfn - layout.first_pfn + 7) / 8, layout.block);
  if (bitmap / layout.block > INT32_MAX / 2) return fail("too much memory for the kdump format");
  layout.kept_at = layout.present_at + bitmap;
  layout.descriptors_at = layout.kept_at + bitmap;
  layout.pages_at = layout.descriptors_at;
  return layout;
}

std::vector<std::byte> kdump_headers(const CrashedMachine& machine, const KdumpLayout& layout,
                                     const KdumpHeaderFields& fields) {
  const NotesSummary notes = summarise_notes(machine);
  const std::size_t wide = wide_alignment(machine);
  CrashedBytes b(machine.word_bits, machine.big_endian);

  // struct disk_dump_header
  for (const char c : std::string_view("KDUMP   "))
    b.u8(static_cast<std::uint8_t>(c));
  b.u32(6);  // header_version
  for (const std::string* s : {&machine.sysname, &machine.nodename, &machine.release,
                               &machine.version, &machine.machine_name, &machine.domainname}) {
    b.text(*s, kUtsFieldBytes);
  }
  b.align_to(b.word_size());
  b.word(static_cast<std::uint64_t>(fields.crash_time));
  b.word(0);  // microseconds
  b.u32(fields.status);
  b.u32(static_cast<std::uint32_t>(layout.block));
  b.u32(static_cast<std::uint32_t>((layout.present_at - layout.block) / layout.block));
  b.u32(static_cast<std::uint32_t>((layout.descriptors_at - layout.present_at) / layout.block));
  b.u32(clamp_u32(machine.max_pfn - layout.first_pfn));
  b.u32(0);                                                  // total_ram_blocks
  b.u32(0);                                                  // device_blocks
  b.u32(0);                                                  // written_blocks
  b.u32(0);                                                  // current_cpu
  b.u32(clamp_u32(std::max<std::uint64_t>(notes.cpus, 1)));  // crash refuses 0
  b.zeros_up_to(layout.block);

  // struct kdump_sub_header
  const bool has_notes = !machine.notes.empty();
  const bool has_info = notes.vmcoreinfo_size > 0;
  b.word(machine.machine == Machine::kArm ? layout.first_pfn * layout.block : machine.phys_base);
  b.u32(static_cast<std::uint32_t>(fields.level));
  b.u32(0);   // split
  b.word(0);  // start_pfn
  b.word(0);  // end_pfn
  b.align_to(wide);
  b.u64(has_info ? layout.notes_at + notes.vmcoreinfo_offset : 0);
  b.word(notes.vmcoreinfo_size);
  b.align_to(wide);
  b.u64(has_notes ? layout.notes_at : 0);
  b.word(machine.notes.size());
  b.align_to(wide);
  b.u64(0);  // offset_eraseinfo
  b.word(0);
  b.align_to(wide);
  b.u64(0);  // start_pfn_64
  b.u64(0);  // end_pfn_64
  b.u64(machine.max_pfn - layout.first_pfn);
  return b.data();
}

std::uint64_t kdump_status_offset(const CrashedMachine& machine) noexcept {
  // signature, version, utsname; the rest is aligned to the machine's word.
  const std::uint64_t word = machine.word_bits == 64 ? 8 : 4;
  return round_up(8 + 4 + 6 * kUtsFieldBytes, word) + 2 * word;
}

}  // namespace mkcapture::dump
