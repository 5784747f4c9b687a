#include "tests/fakes/elf_writer.h"

#include <map>

namespace mkcapture::fakes {

namespace {

class Bytes {
 public:
  explicit Bytes(const ElfFormat& format) : format_(format) {}
  Bytes& number(std::uint64_t value, unsigned width) {
    for (unsigned i = 0; i < width; ++i) {
      const unsigned shift = 8 * (format_.little ? i : width - 1 - i);
      text_.push_back(static_cast<char>(value >> shift & 0xff));
    }
    return *this;
  }
  Bytes& word(std::uint64_t value) { return number(value, format_.is_64 ? 8 : 4); }
  void align(std::size_t to) { text_.resize((text_.size() + to - 1) / to * to); }
  std::string& text() { return text_; }

 private:
  ElfFormat format_;
  std::string text_;
};

struct Ident {
  std::uint16_t type;
  std::uint64_t segments_at, sections_at;
  std::uint16_t segments, sections, names;
};

void write_header(Bytes& out, const ElfFormat& f, const Ident& id) {
  out.text().append(ELFMAG, SELFMAG);
  out.number(f.is_64 ? ELFCLASS64 : ELFCLASS32, 1).number(f.little ? ELFDATA2LSB : ELFDATA2MSB, 1);
  out.number(EV_CURRENT, 1);
  out.text().resize(EI_NIDENT);
  out.number(id.type, 2).number(f.machine, 2).number(EV_CURRENT, 4);
  out.word(0).word(id.segments_at).word(id.sections_at).number(0, 4);
  out.number(f.is_64 ? sizeof(Elf64_Ehdr) : sizeof(Elf32_Ehdr), 2);
  out.number(f.is_64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr), 2).number(id.segments, 2);
  out.number(f.is_64 ? sizeof(Elf64_Shdr) : sizeof(Elf32_Shdr), 2).number(id.sections, 2);
  out.number(id.names, 2);
}

std::string symbol_table(const ElfObject& object, std::string& strings) {
  Bytes out(object.format);
  out.text().resize(object.format.is_64 ? sizeof(Elf64_Sym) : sizeof(Elf32_Sym));
  for (const ElfSymbol& s : object.symbols) {
    const std::uint64_t name = strings.size();
    strings += s.name + '\0';
    // Sections of the caller are followed by their relocations: see write_object().
    std::uint64_t index = s.section;
    for (std::size_t i = 0; i + 1 < s.section && i < object.sections.size(); ++i)
      if (!object.sections[i].relocations.empty()) ++index;
    const std::uint64_t info = ELF64_ST_INFO(s.global ? STB_GLOBAL : STB_LOCAL, STT_NOTYPE);
    out.number(name, 4);
    if (object.format.is_64) {
      out.number(info, 1).number(0, 1).number(index, 2).number(s.value, 8).number(0, 8);
    } else {
      out.number(s.value, 4).number(0, 4).number(info, 1).number(0, 1).number(index, 2);
    }
  }
  return out.text();
}

std::string relocation_table(const ElfFormat& f, const std::vector<ElfRelocation>& relocations) {
  Bytes out(f);
  for (const ElfRelocation& r : relocations) {
    out.word(r.offset);
    out.word(f.is_64 ? std::uint64_t{r.symbol} << 32 | r.type
                     : std::uint64_t{r.symbol} << 8 | r.type);
    out.word(static_cast<std::uint64_t>(r.addend));
  }
  return out.text();
}

}  // namespace

std::string write_object(const ElfObject& object) {
  struct Planned {
    std::string name, bytes;
    std::uint32_t type;
    std::uint64_t flags;
    std::uint32_t link = 0, info = 0;
    std::uint64_t entry = 0;
  };
  const bool is_64 = object.format.is_64;
  std::vector<Planned> planned = {{"", "", SHT_NULL, 0}};
  std::uint32_t count = 1;
  for (const ElfSection& s : object.sections)
    count += s.relocations.empty() ? 1 : 2;
  const std::uint32_t symtab = count;
  for (const ElfSection& s : object.sections) {
    planned.push_back({s.name, s.bytes, s.type, s.flags});
    if (s.relocations.empty()) continue;
    const auto target = static_cast<std::uint32_t>(planned.size() - 1);
    planned.push_back({".rela" + s.name, relocation_table(object.format, s.relocations), SHT_RELA,
                       SHF_INFO_LINK, symtab, target,
                       is_64 ? sizeof(Elf64_Rela) : sizeof(Elf32_Rela)});
  }
  std::uint32_t first_global = 1;
  for (const ElfSymbol& s : object.symbols)
    first_global += s.global ? 0 : 1;
  std::string strings(1, '\0');
  std::string symbols = symbol_table(object, strings);
  planned.push_back({".symtab", symbols, SHT_SYMTAB, 0, symtab + 1, first_global,
                     is_64 ? sizeof(Elf64_Sym) : sizeof(Elf32_Sym)});
  planned.push_back({".strtab", strings, SHT_STRTAB, 0});
  std::string names(1, '\0');
  std::map<std::string, std::size_t> name_at;
  for (const Planned& p : planned) {
    name_at.emplace(p.name, names.size());
    names += p.name + '\0';
  }
  name_at.emplace(".shstrtab", names.size());
  names += std::string(".shstrtab") + '\0';
  planned.push_back({".shstrtab", names, SHT_STRTAB, 0});

  Bytes out(object.format);
  out.text().resize(is_64 ? sizeof(Elf64_Ehdr) : sizeof(Elf32_Ehdr));
  std::vector<std::size_t> offsets;
  for (const Planned& p : planned) {
    out.align(8);
    offsets.push_back(out.text().size());
    out.text() += p.bytes;
  }
  out.align(8);
  const std::size_t headers_at = out.text().size();
  for (std::size_t i = 0; i < planned.size(); ++i) {
    const Planned& p = planned[i];
    out.number(name_at[p.name], 4).number(p.type, 4).word(p.flags).word(0);
    out.word(offsets[i]).word(p.bytes.size()).number(p.link, 4).number(p.info, 4);
    out.word(p.type == SHT_NULL ? 0 : 8).word(p.entry);
  }
  Bytes header(object.format);
  const auto sections = static_cast<std::uint16_t>(planned.size());
  write_header(header, object.format,
               {ET_REL, 0, headers_at, 0, sections, static_cast<std::uint16_t>(sections - 1)});
  out.text().replace(0, header.text().size(), header.text());
  return out.text();
}

ElfObject make_module(const std::vector<std::string>& modinfo) {
  std::string info;
  for (const std::string& field : modinfo)
    info += field + '\0';
  ElfObject o;
  o.sections = {
      {".text", std::string(32, '\x90'), SHT_PROGBITS, SHF_ALLOC | SHF_EXECINSTR, {{4, 3, 4, -4}}},
      {".modinfo", info, SHT_PROGBITS, SHF_ALLOC, {}},
      {".gnu.linkonce.this_module",
       std::string(64, '\0'),
       SHT_PROGBITS,
       SHF_ALLOC | SHF_WRITE,
       {{24, 2, 1, 0}}},
  };
  o.symbols = {{"", 1, false, 0}, {"init_module", 1, true, 0}, {"printk", SHN_UNDEF, true, 0}};
  return o;
}

std::string write_dynamic(const ElfDynamic& program) {
  // One segment that maps the file at 0, so that addresses are offsets.
  const bool is_64 = program.format.is_64;
  const std::size_t header = is_64 ? sizeof(Elf64_Ehdr) : sizeof(Elf32_Ehdr);
  const std::size_t segment = is_64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
  const std::uint16_t segments = program.interpreter.empty() ? 2 : 3;
  const std::size_t interpreter_at = header + segments * segment;
  std::string strings(1, '\0');
  Bytes dynamic(program.format);
  for (const std::string& name : program.needed) {
    dynamic.word(DT_NEEDED).word(strings.size());
    strings += name + '\0';
  }
  if (!program.runpath.empty()) {
    dynamic.word(DT_RUNPATH).word(strings.size());
    strings += program.runpath + '\0';
  }
  const std::size_t strings_at = interpreter_at + program.interpreter.size() + 1;
  const std::size_t dynamic_at = (strings_at + strings.size() + 7) / 8 * 8;
  dynamic.word(DT_STRTAB).word(strings_at).word(DT_NULL).word(0);

  Bytes out(program.format);
  write_header(out, program.format, {ET_DYN, header, 0, segments, 0, 0});
  const std::size_t end = dynamic_at + dynamic.text().size();
  const auto add = [&](std::uint32_t type, std::size_t at, std::size_t size) {
    if (is_64) {
      out.number(type, 4).number(PF_R, 4).word(at).word(at).word(at).word(size).word(size).word(8);
    } else {
      out.number(type, 4).word(at).word(at).word(at).word(size).word(size).number(PF_R, 4).word(4);
    }
  };
  add(PT_LOAD, 0, end);
  add(PT_DYNAMIC, dynamic_at, dynamic.text().size());
  if (!program.interpreter.empty()) add(PT_INTERP, interpreter_at, program.interpreter.size() + 1);
  out.text() += program.interpreter + '\0' + strings;
  out.text().resize(dynamic_at);
  return out.text() + dynamic.text();
}

}  // namespace mkcapture::fakes
