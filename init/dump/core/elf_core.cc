#include "init/dump/core/elf_core.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>

namespace mkcapture::dump {
namespace {

constexpr std::uint16_t kTypeCore = 4;  // ET_CORE

// e_machine of the machines that kdump exists on (include/uapi/linux/elf-em.h).
struct KnownMachine {
  std::uint16_t elf_machine;
  Machine machine;
};
constexpr KnownMachine kMachines[] = {
    {62, Machine::kX86_64}, {3, Machine::kI386},   {183, Machine::kArm64},   {40, Machine::kArm},
    {21, Machine::kPpc64},  {22, Machine::kS390x}, {243, Machine::kRiscv64},
};

// The file's offsets of one class.
struct HeaderLayout {
  std::size_t phoff, shoff, phentsize, phnum, size;
};
constexpr HeaderLayout kHeader32{28, 32, 42, 44, 52};
constexpr HeaderLayout kHeader64{32, 40, 54, 56, 64};

struct SegmentLayout {
  std::size_t offset, vaddr, paddr, filesz;
};
constexpr SegmentLayout kSegment32{4, 8, 12, 16};
constexpr SegmentLayout kSegment64{8, 16, 24, 32};

const KnownMachine* find_machine(std::uint16_t elf_machine) {
  for (const KnownMachine& m : kMachines) {
    if (m.elf_machine == elf_machine) return &m;
  }
  return nullptr;
}

Error impossible(const char* what, const ElfSegment& s) {
  char text[160];
  std::snprintf(text, sizeof text,
                "impossible %s: physical address 0x%" PRIx64 ", %" PRIu64
                " bytes at file offset 0x%" PRIx64,
                what, s.paddr, s.filesz, s.offset);
  return fail(text);
}

constexpr std::size_t padded(std::size_t n) {
  return (n + 3) & ~std::size_t{3};
}

}  // namespace

Error impossible_load(const ElfSegment& segment) {
  return impossible("PT_LOAD", segment);
}

Result<ElfHeader> parse_elf_header(Bytes head) {
  static constexpr std::byte kMagic[] = {std::byte{0x7f}, std::byte{'E'}, std::byte{'L'},
                                         std::byte{'F'}};
  if (head.size() < sizeof kMagic ||
      !std::equal(std::begin(kMagic), std::end(kMagic), head.begin()))
    return fail("not an ELF file");
  const auto cls = head.size() > 4 ? std::to_integer<int>(head[4]) : 0;
  const auto data = head.size() > 5 ? std::to_integer<int>(head[5]) : 0;
  if (cls != 1 && cls != 2) return fail("ELF class is neither 32 nor 64 bits");
  if (data != 1 && data != 2) return fail("ELF byte order is unknown");

  ElfHeader h;
  h.elf_class = cls == 1 ? 32 : 64;
  h.big_endian = data == 2;
  const HeaderLayout& at = cls == 1 ? kHeader32 : kHeader64;
  if (head.size() < at.size) return fail("ELF header is cut short");
  // kexec_file_load calls every core little-endian (crash_prepare_elf64_headers() in the kernel)
  // and writes all else in the machine's order.
  if (!h.big_endian && Fields(h.elf_class, true).u16(head, 16) == kTypeCore) h.big_endian = true;
  const Fields f = h.fields();
  if (f.u16(head, 16) != kTypeCore) return fail("ELF file is not a core");
  h.elf_machine = f.u16(head, 18);
  const KnownMachine* known = find_machine(h.elf_machine);
  if (known == nullptr)
    return fail("ELF machine " + std::to_string(h.elf_machine) + " is not known");
  h.machine = known->machine;
  h.phoff = f.word(head, at.phoff);
  h.shoff = f.word(head, at.shoff);
  h.phnum = f.u16(head, at.phnum);
  if (f.u16(head, at.phentsize) != h.phentsize())
    return fail("ELF program headers have an unknown size");
  return h;
}

std::uint32_t extended_phnum(const ElfHeader& header, Bytes section) noexcept {
  return header.fields().u32(section, header.elf_class == 32 ? 28 : 44);
}

Result<ElfSegment> parse_program_header(const ElfHeader& header, Bytes bytes) {
  const Fields f = header.fields();
  const SegmentLayout& at = header.elf_class == 32 ? kSegment32 : kSegment64;
  ElfSegment s;
  s.type = f.u32(bytes, 0);
  s.offset = f.word(bytes, at.offset);
  s.vaddr = f.word(bytes, at.vaddr);
  s.paddr = f.word(bytes, at.paddr);
  s.filesz = f.word(bytes, at.filesz);

  constexpr std::uint64_t kMaxOffset = std::uint64_t{1} << 63;
  s.has_paddr = s.paddr != (header.elf_class == 32 ? UINT32_MAX : UINT64_MAX);
  const bool load = s.is(ElfSegment::Type::kLoad) && s.has_paddr;
  const bool note = s.is(ElfSegment::Type::kNote);
  if ((load || note) && (s.offset >= kMaxOffset || s.filesz > kMaxOffset - s.offset))
    return impossible(load ? "PT_LOAD" : "PT_NOTE", s);
  if (load && s.filesz > kMaxPhysicalAddress) return impossible("PT_LOAD", s);
  s.is_possible = !load || s.paddr <= kMaxPhysicalAddress - s.filesz;
  return s;
}

std::optional<ElfNote> next_note(Fields fields, Bytes& notes) noexcept {
  constexpr std::size_t kHeader = 12;
  if (notes.size() < kHeader) return std::nullopt;
  const std::size_t name_size = fields.u32(notes, 0);
  const std::size_t desc_size = fields.u32(notes, 4);
  ElfNote note;
  note.type = fields.u32(notes, 8);
  Bytes rest = notes.subspan(kHeader);
  if (name_size > rest.size() || padded(name_size) > rest.size()) return std::nullopt;
  const char* name = reinterpret_cast<const char*>(rest.data());
  note.name = {name, strnlen(name, name_size)};
  rest = rest.subspan(padded(name_size));
  if (desc_size > rest.size()) return std::nullopt;
  note.desc = rest.first(desc_size);
  notes = rest.subspan(std::min(padded(desc_size), rest.size()));
  return note;
}

std::string_view find_vmcoreinfo(Fields fields, Bytes notes) noexcept {
  while (const auto note = next_note(fields, notes)) {
    if (note->name != "VMCOREINFO") continue;
    const char* text = reinterpret_cast<const char*>(note->desc.data());
    return {text, strnlen(text, std::min(note->desc.size(), kMaxVmcoreinfoBytes))};
  }
  return {};
}

}  // namespace mkcapture::dump
