#include "modules/elf_view.h"

#include <string>

namespace mkcapture {

std::string_view text_at(std::string_view table, std::uint64_t offset) {
  if (offset >= table.size()) return {};
  const std::string_view rest = table.substr(offset);
  const auto end = rest.find('\0');
  return end == std::string_view::npos ? std::string_view() : rest.substr(0, end);
}

std::uint64_t ElfView::number(std::string_view bytes, std::uint64_t offset, unsigned width) const {
  if (width > bytes.size() || offset > bytes.size() - width) return 0;
  std::uint64_t value = 0;
  for (unsigned i = 0; i < width; ++i) {
    const unsigned at = little_ ? width - 1 - i : i;
    value = value << 8 | static_cast<unsigned char>(bytes[offset + at]);
  }
  return value;
}

Result<ElfView> ElfView::open(std::string_view file) {
  if (!has_magic(file) || file.size() < EI_NIDENT) return fail("not an ELF file");
  ElfView view;
  view.file_ = file;
  const auto elf_class = static_cast<unsigned char>(file[EI_CLASS]);
  const auto order = static_cast<unsigned char>(file[EI_DATA]);
  if (elf_class != ELFCLASS32 && elf_class != ELFCLASS64) return fail("unknown ELF class");
  if (order != ELFDATA2LSB && order != ELFDATA2MSB) return fail("unknown ELF byte order");
  view.is_64_ = elf_class == ELFCLASS64;
  view.little_ = order == ELFDATA2LSB;
  if (file.size() < (view.is_64_ ? sizeof(Elf64_Ehdr) : sizeof(Elf32_Ehdr)))
    return fail("ELF header cut short");

  // Offsets of Elf32_Ehdr and Elf64_Ehdr: the three address-sized fields move what follows them.
  const unsigned word = view.is_64_ ? 8 : 4;
  const unsigned flags_at = 24 + 3 * word;
  view.type_ = static_cast<std::uint16_t>(view.number(file, 16, 2));
  view.machine_ = static_cast<std::uint16_t>(view.number(file, 18, 2));
  view.header_flags_ = static_cast<std::uint32_t>(view.number(file, flags_at, 4));
  const std::uint64_t segments_at = view.number(file, 24 + word, word);
  const std::uint64_t sections_at = view.number(file, 24 + 2 * word, word);
  const auto segment_entry = static_cast<unsigned>(view.number(file, flags_at + 6, 2));
  const std::uint64_t segment_count = view.number(file, flags_at + 8, 2);
  const auto section_entry = static_cast<unsigned>(view.number(file, flags_at + 10, 2));
  const std::uint64_t section_count = view.number(file, flags_at + 12, 2);
  const auto names = static_cast<std::uint32_t>(view.number(file, flags_at + 14, 2));
  TRY(view.read_segments(segments_at, segment_count, segment_entry));
  TRY(view.read_sections(sections_at, section_count, section_entry, names));
  return view;
}

Status ElfView::read_segments(std::uint64_t offset, std::uint64_t count, unsigned entry) {
  if (count == 0) return {};
  if (entry < (is_64_ ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr)) || offset > file_.size() ||
      count * entry > file_.size() - offset)
    return fail("program headers lie outside of the file");
  const unsigned word = is_64_ ? 8 : 4;
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::string_view header = file_.substr(offset + i * entry, entry);
    Segment s;
    s.type = static_cast<std::uint32_t>(number(header, 0, 4));
    s.offset = number(header, word, word);
    s.address = number(header, std::uint64_t{2} * word, word);
    s.file_size = number(header, std::uint64_t{4} * word, word);
    if (s.offset <= file_.size() && s.file_size <= file_.size() - s.offset)
      s.bytes = file_.substr(s.offset, s.file_size);
    segments_.push_back(s);
  }
  return {};
}

Status ElfView::read_sections(std::uint64_t offset, std::uint64_t count, unsigned entry,
                              std::uint32_t names) {
  if (count == 0) return {};
  if (entry < (is_64_ ? sizeof(Elf64_Shdr) : sizeof(Elf32_Shdr)) || offset > file_.size() ||
      count * entry > file_.size() - offset)
    return fail("section headers lie outside of the file");
  const unsigned word = is_64_ ? 8 : 4;
  std::vector<std::uint64_t> name_offsets;
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::string_view header = file_.substr(offset + i * entry, entry);
    Section s;
    name_offsets.push_back(number(header, 0, 4));
    s.type = static_cast<std::uint32_t>(number(header, 4, 4));
    s.flags = number(header, 8, word);
    s.address = number(header, 8 + word, word);
    const std::uint64_t at = number(header, 8 + 2 * word, word);
    s.size = number(header, 8 + 3 * word, word);
    s.link = static_cast<std::uint32_t>(number(header, 8 + 4 * word, 4));
    s.info = static_cast<std::uint32_t>(number(header, 12 + 4 * word, 4));
    s.align = number(header, 16 + 4 * word, word);
    s.entry_size = number(header, 16 + 5 * word, word);
    if (s.type != SHT_NOBITS && s.type != SHT_NULL) {
      if (at > file_.size() || s.size > file_.size() - at)
        return fail("section " + std::to_string(i) + " lies outside of the file");
      s.bytes = file_.substr(at, s.size);
    }
    sections_.push_back(s);
  }
  if (names < sections_.size())
    for (std::uint64_t i = 0; i < count; ++i)
      sections_[i].name = text_at(sections_[names].bytes, name_offsets[i]);
  return {};
}

const ElfView::Section* ElfView::find(std::string_view name) const {
  for (const Section& s : sections_)
    if (s.name == name) return &s;
  return nullptr;
}

std::optional<ElfView::Symbol> ElfView::symbol(const Section& table, std::uint64_t index) const {
  const unsigned entry = symbol_bytes();
  if (index >= table.bytes.size() / entry) return std::nullopt;
  const std::string_view b = table.bytes.substr(index * entry, entry);
  Symbol s;
  s.name = static_cast<std::uint32_t>(number(b, 0, 4));
  if (is_64_) {
    s.info = static_cast<std::uint8_t>(number(b, 4, 1));
    s.other = static_cast<std::uint8_t>(number(b, 5, 1));
    s.section = static_cast<std::uint16_t>(number(b, 6, 2));
    s.value = number(b, 8, 8);
    s.size = number(b, 16, 8);
  } else {
    s.value = number(b, 4, 4);
    s.size = number(b, 8, 4);
    s.info = static_cast<std::uint8_t>(number(b, 12, 1));
    s.other = static_cast<std::uint8_t>(number(b, 13, 1));
    s.section = static_cast<std::uint16_t>(number(b, 14, 2));
  }
  return s;
}

}  // namespace mkcapture
