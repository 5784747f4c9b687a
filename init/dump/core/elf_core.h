// The ELF structures of a core file, ELF32 and ELF64, in both byte orders. Pure over bytes.
//
// Layouts: System V ABI, "ELF Header", "Program Header", "Note Section"; PN_XNUM from the gABI's
// "Section Header" (the number of program headers stands in sh_info of section 0 where it does not
// fit into e_phnum).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "init/base/result.h"
#include "init/dump/core/fields.h"
#include "init/dump/pages.h"

namespace mkcapture::dump {

/// One PT_LOAD for each memory block of a very large machine (16 TiB in blocks of 256 MiB).
inline constexpr std::uint32_t kMaxSegments = 1U << 16;
/// What parse_elf_header() wants to see at most; a shorter file is given whole.
inline constexpr std::size_t kElfHeaderBytes = 64;
/// Physical addresses end here on every machine that Linux knows (x86_64 and arm64: 52 bits,
/// riscv64: 56).
inline constexpr std::uint64_t kMaxPhysicalAddress = std::uint64_t{1} << 56;

struct ElfHeader {
  int elf_class = 64;
  bool big_endian = false;
  std::uint16_t elf_machine = 0;
  Machine machine = Machine::kX86_64;
  std::uint64_t phoff = 0;
  std::uint32_t phnum = 0;  // kMoreSegments: see section 0
  std::uint64_t shoff = 0;

  static constexpr std::uint32_t kMoreSegments = 0xffff;  // PN_XNUM

  [[nodiscard]] Fields fields() const noexcept { return {elf_class, big_endian}; }
  [[nodiscard]] std::size_t phentsize() const noexcept { return elf_class == 32 ? 32 : 56; }
};

struct ElfSegment {
  enum class Type : std::uint32_t { kLoad = 1, kNote = 4 };
  std::uint32_t type = 0;
  std::uint64_t offset = 0;
  std::uint64_t vaddr = 0;
  std::uint64_t paddr = 0;
  std::uint64_t filesz = 0;

  /// False for a mapping that is not one stretch of memory: /proc/kcore gives those of vmalloc()
  /// and modules a p_paddr of -1.
  bool has_paddr = true;
  /// False for a PT_LOAD that reaches beyond kMaxPhysicalAddress.
  bool is_possible = true;

  [[nodiscard]] bool is(Type t) const noexcept { return type == static_cast<std::uint32_t>(t); }
};

/// Checks magic, class, byte order, type ET_CORE, machine and the size of program headers. The byte
/// order is that of the fields, which is not always the one that EI_DATA names.
[[nodiscard]] Result<ElfHeader> parse_elf_header(Bytes head);

/// sh_info of section header 0, which is `section` (40 or 64 bytes).
[[nodiscard]] std::uint32_t extended_phnum(const ElfHeader& header, Bytes section) noexcept;

/// The program header in `bytes`, header.phentsize() of them. Fails on a PT_LOAD or PT_NOTE that
/// cannot be and so leaves no trust in those behind it, which follow each other in /proc/vmcore:
/// one that wraps, or is larger than kMaxPhysicalAddress or reaches beyond 2^63 in the file.
[[nodiscard]] Result<ElfSegment> parse_program_header(const ElfHeader& header, Bytes bytes);

/// What to say of a PT_LOAD that is not possible.
[[nodiscard]] Error impossible_load(const ElfSegment& segment);

struct ElfNote {
  std::string_view name;  // without its NUL
  std::uint32_t type = 0;
  Bytes desc;
};

/// Takes the first note off `notes`; empty at the end or where what follows is cut short.
[[nodiscard]] std::optional<ElfNote> next_note(Fields fields, Bytes& notes) noexcept;

/// The text of the "VMCOREINFO" note, up to its first NUL and kMaxVmcoreinfoBytes; empty where
/// there is none.
[[nodiscard]] std::string_view find_vmcoreinfo(Fields fields, Bytes notes) noexcept;

}  // namespace mkcapture::dump
