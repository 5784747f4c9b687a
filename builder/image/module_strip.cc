#include "builder/image/module_strip.h"

#include <algorithm>
#include <map>
#include <vector>

#include "modules/elf_view.h"
#include "modules/module_file.h"

namespace mkcapture {

namespace {

// Allocated sections that the kernel finds by name, registers when they are there, and does without
// when they are not.
constexpr std::string_view kUnused[] = {
    ".orc_unwind",        ".orc_unwind_ip",
    ".orc_header",                                       // unwind_module_init()
    "_ftrace_events",     "_ftrace_eval_map",            // trace_module_add_events()
    "__tracepoints_ptrs", "__bpf_raw_tp_map",            // probes that nobody attaches
    "_kprobe_blacklist",  "_error_injection_whitelist",  // likewise
    ".note.gnu.build-id", ".note.gnu.property",          // /sys/module/NAME/notes
};

// .modinfo of no use to the kernel's loader; what modprobe needs of it the builder has read.
constexpr std::string_view kUnusedModinfo[] = {
    "alias",    "author",  "depends", "description", "file",       "firmware", "parm",
    "parmtype", "softdep", "weakdep", "scmversion",  "srcversion", "version",
};

// The loader asks for it by name where the kernel was built with clang's CFI before 6.1.
constexpr std::string_view kCfiCheck = "__cfi_check";

constexpr std::uint64_t kMaxAlign = 1 << 16;

template <std::size_t N>
bool contains(const std::string_view (&list)[N], std::string_view text) {
  return std::find(std::begin(list), std::end(list), text) != std::end(list);
}

/// Appends numbers in the file's byte order.
class Writer {
 public:
  explicit Writer(const ElfView& view)
      : little_(view.little_endian()), word_(view.is_64() ? 8 : 4) {}
  void number(std::uint64_t value, unsigned width) {
    bytes_.resize(bytes_.size() + width);
    set(bytes_.size() - width, value, width);
  }
  void word(std::uint64_t value) { number(value, word_); }
  void set(std::size_t offset, std::uint64_t value, unsigned width) {
    for (unsigned i = 0; i < width; ++i) {
      const unsigned shift = 8 * (little_ ? i : width - 1 - i);
      bytes_[offset + i] = static_cast<char>(value >> shift & 0xff);
    }
  }
  void set_word(std::size_t offset, std::uint64_t value) { set(offset, value, word_); }
  void align(std::uint64_t to) {
    if (to > 1) bytes_.resize((bytes_.size() + to - 1) / to * to);
  }
  std::string& bytes() { return bytes_; }

 private:
  bool little_;
  unsigned word_;
  std::string bytes_;
};

/// A table of strings with each text once.
class Strings {
 public:
  std::uint32_t add(std::string_view text) {
    if (text.empty()) return 0;
    const auto [it, added] = offsets_.try_emplace(std::string(text), bytes_.size());
    if (added) bytes_.append(text).push_back('\0');
    return static_cast<std::uint32_t>(it->second);
  }
  [[nodiscard]] const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_ = std::string(1, '\0');
  std::map<std::string, std::size_t, std::less<>> offsets_;
};

class Stripper {
 public:
  explicit Stripper(const ElfView& view, std::string_view file)
      : view_(view),
        file_(file),
        keep_(view.sections().size()),
        relocations_(view.sections().size()) {}

  Result<std::string> run() {
    TRY(find_symbols());
    choose_sections();
    choose_symbols();
    TRY(check_sizes());
    return write();
  }

 private:
  using Section = ElfView::Section;
  const std::vector<Section>& sections() const { return view_.sections(); }

  static bool is_relocation(const Section& s) { return s.type == SHT_REL || s.type == SHT_RELA; }
  unsigned relocation_bytes(const Section& s) const {
    return (s.type == SHT_RELA ? 3 : 2) * (view_.is_64() ? 8 : 4);
  }
  std::uint64_t relocation_info(const Section& s, std::uint64_t at) const {
    const unsigned word = view_.is_64() ? 8 : 4;
    return view_.number(s.bytes, at + word, word);
  }
  std::uint32_t symbol_of(std::uint64_t info) const {
    return static_cast<std::uint32_t>(view_.is_64() ? info >> 32 : info >> 8);
  }
  /// Calls f(symbol index) for each relocation of section `index`.
  template <class F>
  void each_relocation(std::size_t index, F f) const {
    const Section& s = sections()[index];
    const unsigned entry = relocation_bytes(s);
    for (std::uint64_t at = 0; at + entry <= s.bytes.size(); at += entry)
      f(symbol_of(relocation_info(s, at)));
  }

  Status find_symbols() {
    for (std::size_t i = 0; i < sections().size(); ++i) {
      if (sections()[i].type != SHT_SYMTAB) continue;
      if (symtab_ != 0) return fail("more than one symbol table");
      symtab_ = i;
    }
    if (symtab_ == 0) return fail("no symbol table");
    if (sections()[symtab_].link >= sections().size()) return fail("symbols without names");
    names_ = sections()[sections()[symtab_].link].bytes;
    for (std::size_t i = 0; i < sections().size(); ++i) {
      const Section& s = sections()[i];
      if (!is_relocation(s)) continue;
      if (s.info >= sections().size() || s.link != symtab_) return fail("stray relocations");
      relocations_[s.info].push_back(i);
    }
    return {};
  }

  bool wanted(const Section& s) const {
    if ((s.flags & SHF_ALLOC) == 0 || is_relocation(s) || s.type == SHT_NULL) return false;
    return !contains(kUnused, s.name);
  }

  /// Keeps what is wanted, its relocations, and what they point into, to the end of the chain.
  void choose_sections() {
    std::vector<std::size_t> todo;
    const auto keep = [&](std::size_t i) {
      if (i == 0 || i >= keep_.size() || keep_[i]) return;
      keep_[i] = true;
      todo.push_back(i);
    };
    for (std::size_t i = 1; i < sections().size(); ++i)
      if (wanted(sections()[i])) keep(i);
    // kfuncs are registered by the module's BTF, and 6.1 fails to load a module without it.
    if (view_.find(".BTF_ids") != nullptr)
      for (std::size_t i = 1; i < sections().size(); ++i)
        if (sections()[i].name.substr(0, 4) == ".BTF") keep(i);
    while (!todo.empty()) {
      const std::size_t i = todo.back();
      todo.pop_back();
      for (const std::size_t r : relocations_[i]) {
        if (keep_[r]) continue;
        keep_[r] = true;
        each_relocation(r, [&](std::uint32_t symbol) {
          if (const auto s = view_.symbol(sections()[symtab_], symbol)) keep(s->section);
        });
      }
    }
    // Written anew, whatever pointed at them.
    keep_[symtab_] = false;
  }

  /// Symbols that a relocation uses, local ones first as in the input.
  void choose_symbols() {
    const Section& table = sections()[symtab_];
    const std::uint64_t count = table.bytes.size() / view_.symbol_bytes();
    new_symbol_.assign(count, 0);
    std::vector<bool> used(count);
    for (std::size_t i = 0; i < sections().size(); ++i)
      if (keep_[i] && is_relocation(sections()[i]))
        each_relocation(i, [&](std::uint32_t symbol) {
          if (symbol < count) used[symbol] = true;
        });
    for (const bool local : {true, false}) {
      for (std::uint64_t i = 1; i < count; ++i) {
        const auto symbol = view_.symbol(table, i);
        if (!symbol || (ELF64_ST_BIND(symbol->info) == STB_LOCAL) != local) continue;
        const std::string_view name = text_at(names_, symbol->name);
        if (!used[i] && name != kCfiCheck) continue;
        new_symbol_[i] = static_cast<std::uint32_t>(symbols_.size() + 1);
        const bool named =
            symbol->section == SHN_UNDEF || symbol->section == SHN_COMMON || name == kCfiCheck;
        symbols_.push_back({*symbol, named ? strings_.add(name) : 0});
        if (local) first_global_ = static_cast<std::uint32_t>(symbols_.size() + 1);
      }
    }
  }

  /// Sections of a sound file do not overlap, so what is kept is no longer than the file.
  Status check_sizes() const {
    std::uint64_t total = 0;
    for (std::size_t i = 0; i < sections().size(); ++i) {
      const Section& s = sections()[i];
      if (!keep_[i]) continue;
      if (s.align > kMaxAlign || (s.align & (s.align - 1)) != 0)
        return fail("section " + std::string(s.name) + " has an impossible alignment");
      total += s.bytes.size();
      if (total > file_.size()) return fail("sections overlap");
    }
    return {};
  }

  std::uint32_t new_index(std::size_t old) const {
    return old < new_index_.size() ? new_index_[old] : 0;
  }

  std::string content(std::size_t index) const {
    const Section& s = sections()[index];
    if (is_relocation(s)) return relocated(s);
    if (s.name == ".modinfo" && relocations_[index].empty()) return modinfo(s.bytes);
    return std::string(s.bytes);
  }

  std::string relocated(const Section& s) const {
    const unsigned entry = relocation_bytes(s);
    const unsigned word = view_.is_64() ? 8 : 4;
    const unsigned shift = view_.is_64() ? 32 : 8;
    Writer out(view_);
    out.bytes() = s.bytes.substr(0, s.bytes.size() / entry * entry);
    for (std::uint64_t at = 0; at + entry <= out.bytes().size(); at += entry) {
      const std::uint64_t info = relocation_info(s, at);
      const std::uint32_t old = symbol_of(info);
      const std::uint64_t symbol = old < new_symbol_.size() ? new_symbol_[old] : 0;
      out.set(at + word, symbol << shift | (info & ((std::uint64_t{1} << shift) - 1)), word);
    }
    return std::move(out.bytes());
  }

  static std::string modinfo(std::string_view rest) {
    std::string out;
    while (!rest.empty()) {
      const std::string_view line = rest.substr(0, rest.find('\0'));
      rest.remove_prefix(std::min(rest.size(), line.size() + 1));
      // "MODULE.parm=..." in code that can be built in as well.
      std::string_view key = line.substr(0, line.find('='));
      if (!line.empty() && !contains(kUnusedModinfo, key)) out.append(line).push_back('\0');
    }
    return out;
  }

  void write_symbols(Writer& out) const {
    out.bytes().append(view_.symbol_bytes(), '\0');
    for (const auto& [symbol, name] : symbols_) {
      const bool special = symbol.section >= SHN_LORESERVE;
      const std::uint64_t section = special ? symbol.section : new_index(symbol.section);
      out.number(name, 4);
      if (view_.is_64()) {
        out.number(symbol.info, 1);
        out.number(symbol.other, 1);
        out.number(section, 2);
        out.number(symbol.value, 8);
        out.number(symbol.size, 8);
      } else {
        out.number(symbol.value, 4);
        out.number(symbol.size, 4);
        out.number(symbol.info, 1);
        out.number(symbol.other, 1);
        out.number(section, 2);
      }
    }
  }

  /// A section header of the output.
  struct Header {
    Section section;
    std::uint32_t name = 0;
    std::uint64_t offset = 0;
    std::uint64_t size = 0;
  };

  std::string write() {
    new_index_.assign(sections().size(), 0);
    std::uint32_t next = 1;
    for (std::size_t i = 1; i < sections().size(); ++i)
      if (keep_[i]) new_index_[i] = next++;
    const std::uint32_t symtab = next, strtab = next + 1, shstrtab = next + 2;

    Strings section_names;
    std::vector<Header> headers(1);
    Writer out(view_);
    const std::size_t header_bytes = view_.is_64() ? sizeof(Elf64_Ehdr) : sizeof(Elf32_Ehdr);
    out.bytes() = file_.substr(0, header_bytes);
    const auto place = [&](Section s, std::string_view bytes) {
      out.align(s.align);
      const std::uint64_t size = s.type == SHT_NOBITS ? s.size : bytes.size();
      headers.push_back({s, section_names.add(s.name), out.bytes().size(), size});
      out.bytes().append(bytes);
    };
    for (std::size_t i = 1; i < sections().size(); ++i) {
      if (!keep_[i]) continue;
      Section s = sections()[i];
      s.flags &= ~std::uint64_t{SHF_GROUP};  // group sections are gone
      s.info = is_relocation(s) ? new_index(s.info) : 0;
      s.link = is_relocation(s) ? symtab : new_index(s.link);
      place(s, content(i));
    }
    const std::uint64_t word = view_.is_64() ? 8 : 4;
    Section s;
    s.name = ".symtab";
    s.type = SHT_SYMTAB;
    s.link = strtab;
    s.info = first_global_;
    s.align = word;
    s.entry_size = view_.symbol_bytes();
    Writer symbols(view_);
    write_symbols(symbols);
    place(s, symbols.bytes());
    s = {};
    s.name = ".strtab";
    s.type = SHT_STRTAB;
    s.align = 1;
    place(s, strings_.bytes());
    s.name = ".shstrtab";
    section_names.add(s.name);  // itself as well, before its bytes are taken
    place(s, std::string(section_names.bytes()));

    out.align(word);
    const std::uint64_t headers_at = out.bytes().size();
    for (const Header& h : headers)
      write_header(out, h);
    write_elf_header(out, headers_at, headers.size(), shstrtab);
    return std::move(out.bytes());
  }

  static void write_header(Writer& out, const Header& h) {
    out.number(h.name, 4);
    out.number(h.section.type, 4);
    out.word(h.section.flags);
    out.word(h.section.address);
    out.word(h.section.type == SHT_NULL ? 0 : h.offset);
    out.word(h.size);
    out.number(h.section.link, 4);
    out.number(h.section.info, 4);
    out.word(h.section.align);
    out.word(h.section.entry_size);
  }

  void write_elf_header(Writer& out, std::uint64_t headers_at, std::size_t count,
                        std::uint32_t names) const {
    const unsigned word = view_.is_64() ? 8 : 4;
    const unsigned flags_at = 24 + 3 * word;
    out.set_word(24 + word, 0);  // no program headers
    out.set_word(24 + 2 * word, headers_at);
    out.set(flags_at + 6, 0, 2);
    out.set(flags_at + 8, 0, 2);
    out.set(flags_at + 10, view_.is_64() ? sizeof(Elf64_Shdr) : sizeof(Elf32_Shdr), 2);
    out.set(flags_at + 12, count, 2);
    out.set(flags_at + 14, names, 2);
  }

  const ElfView& view_;
  std::string_view file_;
  std::string_view names_;  // of the input's symbols
  std::size_t symtab_ = 0;
  std::vector<bool> keep_;                             // by section of the input
  std::vector<std::vector<std::size_t>> relocations_;  // by the section that they apply to
  std::vector<std::uint32_t> new_index_;
  std::vector<std::uint32_t> new_symbol_;                           // 0: dropped
  std::vector<std::pair<ElfView::Symbol, std::uint32_t>> symbols_;  // and the new name's offset
  std::uint32_t first_global_ = 1;
  Strings strings_;
};

}  // namespace

Result<std::string> strip_module(std::string_view elf) {
  auto view = ElfView::open(elf);
  if (!view) return std::move(view).error();
  if (view->type() != ET_REL || view->sections().empty())
    return fail("not a relocatable ELF object");
  return Stripper(*view, elf).run();
}

Result<std::string> load_module_file(const std::string& path, SignaturePolicy policy) {
  auto bytes = read_module_file(path);
  if (!bytes || policy == SignaturePolicy::kKeep) return bytes;
  auto stripped = strip_module(*bytes);
  if (!stripped) return std::move(stripped).error().within(path);
  return stripped;
}

}  // namespace mkcapture
