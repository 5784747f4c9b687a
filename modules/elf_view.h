// A view of an ELF file of any class and byte order, bounds-checked: modules, programs and
// libraries are read through it. Layouts: elf(5), the System V gABI. Input is untrusted.
#pragma once

#include <elf.h>

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "init/base/result.h"

namespace mkcapture {

class ElfView {
 public:
  struct Section {
    std::string_view name;  // empty where the table of names is broken
    std::uint32_t type = 0;
    std::uint64_t flags = 0;
    std::uint64_t address = 0;
    std::uint64_t size = 0;
    std::uint32_t link = 0;
    std::uint32_t info = 0;
    std::uint64_t align = 0;
    std::uint64_t entry_size = 0;
    std::string_view bytes;  // empty for SHT_NOBITS and SHT_NULL, `size` bytes otherwise
  };
  struct Segment {
    std::uint32_t type = 0;
    std::uint64_t offset = 0;
    std::uint64_t address = 0;
    std::uint64_t file_size = 0;
    std::string_view bytes;  // empty where the file ends before it
  };
  struct Symbol {
    std::uint32_t name = 0;  // offset in the linked table of strings
    std::uint8_t info = 0;
    std::uint8_t other = 0;
    std::uint16_t section = 0;
    std::uint64_t value = 0;
    std::uint64_t size = 0;
  };

  /// Reads the headers. `file` must outlive the view. An error where it is no ELF file or a header
  /// or a section lies outside of it.
  [[nodiscard]] static Result<ElfView> open(std::string_view file);
  [[nodiscard]] static bool has_magic(std::string_view file) {
    return file.substr(0, SELFMAG) == std::string_view(ELFMAG, SELFMAG);
  }

  [[nodiscard]] bool is_64() const { return is_64_; }
  [[nodiscard]] bool little_endian() const { return little_; }
  [[nodiscard]] std::uint16_t type() const { return type_; }        // ET_REL, ...
  [[nodiscard]] std::uint16_t machine() const { return machine_; }  // EM_X86_64, ...
  [[nodiscard]] std::uint32_t header_flags() const { return header_flags_; }
  [[nodiscard]] const std::vector<Section>& sections() const { return sections_; }
  [[nodiscard]] const std::vector<Segment>& segments() const { return segments_; }
  [[nodiscard]] const Section* find(std::string_view name) const;

  /// A number of 1, 2, 4 or 8 bytes at `offset` of `bytes`, in the file's order; 0 outside of it.
  [[nodiscard]] std::uint64_t number(std::string_view bytes, std::uint64_t offset,
                                     unsigned width) const;
  /// The `index`th symbol of a SHT_SYMTAB or SHT_DYNSYM section; nothing behind its end.
  [[nodiscard]] std::optional<Symbol> symbol(const Section& table, std::uint64_t index) const;
  [[nodiscard]] unsigned symbol_bytes() const {
    return is_64_ ? sizeof(Elf64_Sym) : sizeof(Elf32_Sym);
  }

 private:
  Status read_sections(std::uint64_t offset, std::uint64_t count, unsigned entry,
                       std::uint32_t names);
  Status read_segments(std::uint64_t offset, std::uint64_t count, unsigned entry);

  std::string_view file_;
  bool is_64_ = false;
  bool little_ = true;
  std::uint16_t type_ = 0;
  std::uint16_t machine_ = 0;
  std::uint32_t header_flags_ = 0;
  std::vector<Section> sections_;
  std::vector<Segment> segments_;
};

/// The NUL-terminated text at `offset` of `table`; empty outside of it or without a NUL.
[[nodiscard]] std::string_view text_at(std::string_view table, std::uint64_t offset);

}  // namespace mkcapture
