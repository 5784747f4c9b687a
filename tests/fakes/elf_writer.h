// ELF files made from a list of sections, for tests: any class and byte order, relocatable objects
// with symbols and relocations (kernel modules) or dynamic programs and libraries.
#pragma once

#include <elf.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mkcapture::fakes {

struct ElfFormat {
  bool is_64 = true;
  bool little = true;
  std::uint16_t machine = EM_X86_64;
};

struct ElfSymbol {
  std::string name;
  std::uint16_t section = SHN_UNDEF;  // 1-based position in ElfObject::sections
  bool global = true;
  std::uint64_t value = 0;
};

struct ElfRelocation {
  std::uint64_t offset = 0;
  std::uint32_t symbol = 0;  // 1-based position in ElfObject::symbols
  std::uint32_t type = 1;
  std::int64_t addend = 0;
};

struct ElfSection {
  std::string name;
  std::string bytes;
  std::uint32_t type = SHT_PROGBITS;
  std::uint64_t flags = SHF_ALLOC;
  std::vector<ElfRelocation> relocations;  // written as .rela behind it
};

/// A relocatable object. Local symbols must come before global ones.
struct ElfObject {
  ElfFormat format;
  std::vector<ElfSection> sections;
  std::vector<ElfSymbol> symbols;
};
[[nodiscard]] std::string write_object(const ElfObject& object);

/// A kernel module with these "key=value" fields in .modinfo, one function and this_module.
[[nodiscard]] ElfObject make_module(const std::vector<std::string>& modinfo);

/// A dynamic program (with an interpreter) or library (without).
struct ElfDynamic {
  ElfFormat format;
  std::string interpreter;
  std::vector<std::string> needed;
  std::string runpath;
};
[[nodiscard]] std::string write_dynamic(const ElfDynamic& program);

}  // namespace mkcapture::fakes
